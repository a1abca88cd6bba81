"""Which version and commit this is, for evaluation rows and the provenance of genotypes."""

from __future__ import annotations

import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def package_version() -> str:
    """Version of the installed distribution; "unknown" when run from a source tree that was never installed."""
    try:
        return version("jsnas")
    except PackageNotFoundError:
        return "unknown"


def commit() -> str:
    """Short git commit of the source tree that this package runs from; "" where that is no checkout."""
    folder = Path(__file__).parents[1]
    if not (folder / ".git").exists():
        return ""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), "rev-parse", "--short", "HEAD"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
