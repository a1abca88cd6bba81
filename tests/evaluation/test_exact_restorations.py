"""An image that is restored exactly is named and leaves the mean of the others as it is, in rows, tables and report."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from nas.evaluation.benchmark_sets import average_row
from nas.evaluation.result_columns import with_scores
from nas.evaluation.rows import EvaluationRow, EvaluationRows, read_rows, write_rows
from nas.evaluation.scoring import Score, mean_psnr, validate, validation_scores
from nas.images import write_image
from nas.models.descriptor import ModelDescriptor
from nas.report.page.html import write_report
from nas.report.table_formats import to_csv, to_latex, to_markdown
from nas.report.tables import make_tables
from nas.tasks import get_task
from tests.cli.running import succeed

ROW = EvaluationRow("identity", "derain", "test", images=3, protocol="Y")
EXACT = Score(math.inf, 1.0)


class Same(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.descriptor = ModelDescriptor("same")

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(30, 200, (24, 32, 3)).astype(np.uint8)


@pytest.mark.parametrize(
    ("scores", "psnr", "exact"),
    [
        ([Score(30.0), Score(32.0)], 31.0, 0),
        ([Score(30.0), EXACT, Score(32.0)], 31.0, 1),
        ([EXACT, EXACT, Score(28.0)], 28.0, 2),
        ([EXACT, EXACT], None, 2),
        ([Score(100.0), Score(30.0)], 65.0, 0),  # a protocol's own number for equal images is a number
    ],
)
def test_a_row_has_the_mean_of_the_others_and_the_count(
    scores: list[Score], psnr: float | None, exact: int, tmp_path: Path
) -> None:
    row = with_scores(ROW, scores)
    assert (row.psnr, row.exact) == (psnr, exact)
    (read,) = read_rows(write_rows(tmp_path / "rows.csv", [row]))
    assert read == row and "inf" not in (tmp_path / "rows.csv").read_text()
    assert EvaluationRows.from_frame(EvaluationRows([row]).frame()) == [row]


def test_psnr_b_of_equal_images_is_left_out_too() -> None:
    row = with_scores(ROW, [Score(30.0, 0.9, 29.0), Score(math.inf, 1.0, math.inf)])
    assert (row.psnr, row.ssim, row.psnr_b) == (30.0, 0.95, 29.0)


def test_rows_of_earlier_versions_do_not_say_how_many_are_exact(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("model,task,set,psnr\nbicubic,sr_x2,Set5,33.7\n")
    assert read_rows(tmp_path / "rows.csv")[0].exact is None


def test_validation_is_the_mean_of_the_others_and_names_the_exact_ones() -> None:
    clean = [picture(seed) for seed in range(3)]
    pairs = [(clean[0], clean[0]), (clean[1] + 10, clean[1]), (clean[2] + 10, clean[2])]
    task = get_task("dehaze")
    expected = 20 * math.log10(255 / 10)
    assert validate(Same(), pairs, task) == pytest.approx(expected)
    assert validation_scores(Same(), pairs, task) == {"psnr": pytest.approx(expected), "exact": 1}  # type: ignore[arg-type]
    assert validation_scores(Same(), pairs[1:], task) == {"psnr": pytest.approx(expected)}  # type: ignore[arg-type]
    assert mean_psnr([math.inf, math.inf]) == math.inf and mean_psnr([math.inf, 7.0]) == 7.0


def test_the_mean_over_degradations_counts_them_all() -> None:
    rows = [with_scores(ROW, [Score(30.0), EXACT]), with_scores(ROW, [Score(20.0), EXACT, EXACT])]
    mean = average_row(rows)
    assert (mean.psnr, mean.exact) == (25.0, 3)
    assert average_row([*rows, with_scores(ROW, [EXACT])]).psnr is None


@pytest.fixture
def compared() -> list[EvaluationRow]:
    some = with_scores(ROW, [Score(30.0, 0.9), EXACT, Score(32.0, 0.9)])
    whole = replace(with_scores(ROW, [EXACT] * 3), model="oracle")
    return [some, whole, replace(with_scores(ROW, [Score(25.0, 0.8)] * 3), model="other")]


def test_tables_name_them_and_do_not_rank_their_mean(compared: list[EvaluationRow]) -> None:
    tables = make_tables(compared)
    for text in (to_markdown(tables), to_latex(tables)):
        assert "31.00 / " in text and "(1 exact)" in text and "n images are restored exactly" in text
        assert "exact / " in text and "inf" not in text.replace("infinite", "")
    assert [tables[0].rank(i, "test", "psnr") for i in range(3)] == ["", "", ""]
    assert tables[0].rank(1, "test", "ssim") == "best"
    head, *lines = to_csv(tables).splitlines()
    assert head.endswith("psnr test,ssim test,exact test")
    assert [line.rpartition(",")[2] for line in lines] == ["1", "3", "0"]


def test_tables_without_exact_images_are_as_before(compared: list[EvaluationRow]) -> None:
    tables = make_tables(compared[2:])
    assert to_csv(tables).splitlines()[0].endswith("psnr test,ssim test") and "exact" not in to_markdown(tables)


def test_the_report_names_them(compared: list[EvaluationRow], tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", rows=compared)
    page = (tmp_path / "report.html").read_text()
    assert "(1 exact)" in page and "3 (1 exact)" in page and "n images are restored exactly" in page


def test_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for i in range(3):
        write_image(tmp_path / f"sets/mist/input/{i}.png", picture(i) + (0 if i == 1 else 10))
        write_image(tmp_path / f"sets/mist/target/{i}.png", picture(i))
    table = tmp_path / "rows.csv"
    out = succeed(
        capsys,
        "evaluate",
        "identity",
        "--task",
        "dehaze",
        "--sets",
        "mist",
        "--data",
        tmp_path / "sets",
        "--out",
        table,
    )
    assert "identity on mist: 1 of 3 images restored exactly (infinite PSNR), the mean PSNR is over the others" in out
    (row,) = read_rows(table)
    assert row.psnr == pytest.approx(20 * math.log10(255 / 10)) and (row.exact, row.images) == (1, 3)
    shown = succeed(capsys, "compare", table, "--no-published", "--out", tmp_path / "comparison")
    assert "(1 exact)" in shown
