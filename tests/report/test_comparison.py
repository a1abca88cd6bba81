"""``compare``: which published rows join, what is written, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from nas.errors import UsageError
from nas.evaluation.rows import EvaluationRow as Row
from nas.evaluation.rows import read_rows
from nas.report.comparison import related, write_comparison

OURS = [
    Row("net", "sr_x2", "Set5", psnr=37.9, ssim=0.96, parameters=476_000, multiply_adds=10**11),
    Row("net", "sr_x2", "sample", psnr=30.0, parameters=476_000, multiply_adds=10**11),
]
PAPERS = [
    Row("rival", "sr_x2", "Set5", psnr=38.0, parameters=500_000, multiply_adds=2 * 10**11, source="published: P"),
    Row("rival", "sr_x2", "Set14", psnr=33.0, source="published: P"),
    Row("rival", "sr_x2", "Set5", psnr=37.0, source="published: Q"),
    Row("half", "sr_x2", "Set5", psnr=37.0, source="published: P, attention ablation"),
    Row("rival", "sr_x4", "Set5", psnr=32.0, source="published: P"),
]


def test_only_anchors_of_a_measured_task_and_set_join_and_each_once() -> None:
    assert related(OURS, PAPERS) == PAPERS[:1]


def test_tables_rows_and_figures_are_written(tmp_path: Path) -> None:
    made = write_comparison(OURS, PAPERS, tmp_path / "out")
    assert made.folder == tmp_path / "out"
    assert {p.name for p in made.files} >= {"table.md", "table.tex", "table.csv", "rows.csv", "bubbles_sr_x2_Set5.png"}
    assert all(p.stat().st_size > 0 for p in made.files)
    assert "rival †" in made.markdown and (made.folder / "table.md").read_text(encoding="utf-8") == made.markdown
    assert read_rows(made.folder / "rows.csv") == [*OURS, PAPERS[0]]


def test_without_costs_there_is_a_table_and_no_figure(tmp_path: Path) -> None:
    made = write_comparison([Row("net", "derain", "Rain100L", psnr=30.0)], [], tmp_path)
    assert not [p for p in made.files if "bubbles" in p.name]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"task": "sr_x3"}, "did you mean 'sr_x2'"), ({"set_name": "Set6"}, "did you mean 'Set5'")],
)
def test_wrong_names_are_refused_with_a_hint(tmp_path: Path, arguments: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        write_comparison(OURS, [], tmp_path, **arguments)
    with pytest.raises(UsageError, match="no evaluation rows"):
        write_comparison([], [], tmp_path)
