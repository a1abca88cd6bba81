"""The short form of ``make faults``: every long command is interrupted once, ends in order and goes on exactly."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks, so that a try costs no start of Python")
def test_whenever_a_command_is_interrupted_nothing_is_lost(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.interruptions", "--tries", "8"],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (total,) = [line for line in done.stdout.splitlines() if line.startswith("| all")]
    tried, survived, lost = (int(cell) for cell in total.strip("| ").split("|")[1:])
    assert tried == survived >= 8 and lost == 0
