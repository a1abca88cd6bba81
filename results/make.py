"""Makes every figure again: ``make results``, or ``python -m results.make`` in the root of the repository.

Runs the commands of ``figures/manifest.yaml`` one after the other and records in ``figures/made.json`` the SHA-256
digests of what each command read and wrote, so that a figure older than its rows is noticed.
"""

from __future__ import annotations

import hashlib
import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
FIGURES = ROOT / "results" / "figures"
MANIFEST = FIGURES / "manifest.yaml"
MADE = FIGURES / "made.json"


def entries() -> list[dict[str, Any]]:
    """The manifest: mappings with ``command`` (text), ``sources`` (glob patterns) and ``figures`` (file names)."""
    return list(yaml.safe_load(MANIFEST.read_text(encoding="utf-8")))


def digests(entry: dict[str, Any]) -> dict[str, str]:
    """Path from the root -> SHA-256 of every file that an entry reads or writes.

    Raises:
        FileNotFoundError: A figure is missing, or a pattern of the sources matches no file.
    """
    paths = [FIGURES / name for name in entry["figures"]]
    for pattern in entry["sources"]:
        found = sorted(p for p in ROOT.glob(pattern) if p.is_file())
        if not found:
            raise FileNotFoundError(f"{pattern!r} in {MANIFEST.name} matches no file")
        paths += found
    return {p.relative_to(ROOT).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(paths)}


def run(command: str) -> None:
    """Run a command of the manifest with this interpreter; ``nas`` and ``python`` need not be on the path."""
    program, *words = shlex.split(command)
    start = {"nas": ["-m", "nas"], "python": []}[program]
    subprocess.run([sys.executable, *start, *words], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    made: dict[str, dict[str, str]] = json.loads(MADE.read_text(encoding="utf-8")) if MADE.is_file() else {}
    kept: dict[str, dict[str, str]] = {}
    for entry in entries():
        command = entry["command"]
        sys.stdout.write(f"{command}\n")
        before = {name: (FIGURES / name).stat().st_mtime_ns for name in entry["figures"] if (FIGURES / name).is_file()}
        run(command)
        written = all((FIGURES / n).stat().st_mtime_ns != before.get(n) for n in entry["figures"])
        kept[command] = digests(entry) if written else made.get(command, {})
    MADE.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(f"wrote {MADE.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
