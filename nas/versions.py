"""What ran: versions and commit, for rows and provenance."""

from __future__ import annotations

import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def package_version() -> str:
    """Version of the installed distribution, or "unknown" when run from a bare source tree."""
    try:
        return version("jsnas")
    except PackageNotFoundError:
        return "unknown"


def commit() -> str:
    """Short git commit of the source tree this package runs from; "" when it is not a checkout."""
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
