"""The short form of ``make faults``: a few faults of every kind, none of which may lose anything."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.campaigns import CAMPAIGNS
from tests.faults.record import BEGIN, END, record
from tests.faults.tally import Tally, table

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks, so that a try costs no start of Python")
def test_a_few_faults_of_every_kind_lose_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults", "--short"],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = {cells[1].strip(): cells for cells in (line.split("|") for line in done.stdout.splitlines()[2:])}
    assert set(rows) == {*CAMPAIGNS, "all"}
    for cells in rows.values():
        tried, survived, lost = (int(cell) for cell in cells[3:6])
        assert tried == survived > 0 and lost == 0


def test_the_table_counts_what_was_lost() -> None:
    found = {"one": {"a": Tally(3, ["x"]), "b": Tally(2)}, "two": {"c": Tally(5)}}
    lines = table(found).splitlines()
    assert lines[2:] == [
        "| one | a | 3 | 2 | 1 |",
        "| one | b | 2 | 2 | 0 |",
        "| two | c | 5 | 5 | 0 |",
        "| all |  | 10 | 9 | 1 |",
    ]
    assert table(found, details=False).splitlines()[2] == "| one |  | 5 | 4 | 1 |"


def test_a_campaign_replaces_its_own_rows_of_the_page_alone(tmp_path: Path) -> None:
    page = tmp_path / "faults.md"
    page.write_text(f"before\n\n{BEGIN}\n{END}\n\nafter\n")
    record(page, {"one": {"a": Tally(3)}, "two": {"c": Tally(5)}}, 1.0, 2.0)
    record(page, {"one": {"a": Tally(4, ["x"])}}, 1.0, 2.0)
    text = page.read_text()
    assert text.startswith("before\n") and text.endswith("after\n")
    assert "| one | a | 4 | 3 | 1 |" in text and "| two | c | 5 | 5 | 0 |" in text
    assert "| all | | 9 | 8 | 1 | |" in text and text.count("| one |") == 1
