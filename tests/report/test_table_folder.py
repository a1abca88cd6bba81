"""A table in the report: how far it is, its noise, what was played, and what is damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nas.report.page.html import write_report
from nas.report.table_folder import is_table_folder, read_table, table_markdown, table_sentences
from tests.bench.strategies.synthetic import write_table

COLUMNS = "scenario,strategy,reference,genotypes,runs,regret,regret_low,regret_high,wins,wins_low,wins_high,top_share"
VERDICTS = f"""{COLUMNS},cost_ratio,volume
free,slow,random,64,50,0.2,0.1,0.3,0.4,0.3,0.5,0.1,nan,0.7
free,random,random,64,50,0.1,0.05,0.15,0.5,0.5,0.5,0.5,1,0.8
free,quick,random,64,50,0.01,0,0.02,0.9,0.8,0.95,0.9,0.4,0.9
"""
CURVES = """scenario,strategy,axis,x,mean,low,high
free,random,trials,1,0.2,0.1,0.3
free,random,trials,2,0.1,0.05,0.15
free,random,seconds,10,0.2,0.1,0.3
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    folder = write_table(tmp_path / "table", noise=0.02, seed_effects=(0.2, -0.2))
    (folder / "strategies.csv").write_text(VERDICTS)
    (folder / "strategies_curves.csv").write_text(CURVES)
    return folder


def test_sentences_state_how_far_it_is_and_the_noise_within_a_seed(table: Path, tmp_path: Path) -> None:
    found = read_table(table)
    assert found.table is not None and found.problems == []
    first, noise, size = table_sentences(found.table)
    assert first.startswith("64 of 64 genotypes trained, 72 trainings") and "not complete" not in first
    assert ("n = 8 x 2" in noise and "common movement of a seed 0.2" in noise) or "0.3" in noise
    assert "tau +" in size and "n = 64" in size
    part = read_table(write_table(tmp_path / "part", trained=5, repeated=0))
    assert part.table is not None
    said = table_sentences(part.table)
    assert "5 of 64" in said[0] and "preliminary" in said[0] and "cannot be told" in said[1]


def test_strategies_stand_by_rising_regret_and_the_reference_is_named(table: Path) -> None:
    lines = [line for line in table_markdown(read_table(table)).splitlines() if line.startswith("| ")]
    names = [line.split(" | ")[0].removeprefix("| ") for line in lines]
    assert names[-3:] == ["quick", "random", "slow"]
    assert "90% (80% to 95%)" in lines[-3] and "| 0.40 |" in lines[-3]
    assert "| reference |" in lines[-2] and "|  |" in lines[-1]  # too few searches got to the top


def test_the_page_of_a_table_shows_it_with_its_figures(table: Path, tmp_path: Path) -> None:
    page = write_report(tmp_path / "r.html", run=table).read_text(encoding="utf-8")
    assert "Table table" in page and "quick" in page and page.count("<img") + page.count("<svg") >= 2


def test_damage_is_named_and_the_rest_is_shown(table: Path) -> None:
    (table / "strategies.csv").write_bytes(b"\xff\xfe\x00")
    found = read_table(table)
    assert found.table is not None and found.verdicts == [] and "strategies.csv" in found.problems[0]


def test_a_file_of_other_columns_is_named(table: Path) -> None:
    (table / "strategies.csv").write_text("scenario,strategy\nfree,random\n")
    found = read_table(table)
    assert found.verdicts == [] and "strategies.csv has no column 'genotypes'" in found.problems[0]


def test_a_table_is_told_from_other_folders(table: Path, tmp_path: Path) -> None:
    assert is_table_folder(table) and not is_table_folder(tmp_path)
    assert np.isfinite(read_table(table).table.repeated).all()  # type: ignore[union-attr]
