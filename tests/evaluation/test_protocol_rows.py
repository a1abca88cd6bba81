"""Named protocols reproduce published figures and stand in every row that was made with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nas.evaluation import metrics
from nas.evaluation.harness import evaluate
from nas.evaluation.scoring import score
from nas.images import write_image
from nas.tasks.protocols import protocols_for, with_protocol


def test_rows_of_two_protocols_stand_side_by_side_each_with_its_words(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for folder in ("rain", "norain"):
        write_image(tmp_path / "rain" / folder / "a.png", rng.integers(0, 256, (40, 44, 3)).astype(np.uint8))
    table = tmp_path / "rows.csv"
    rows = [
        row
        for name in (None, *protocols_for("derain"))
        for row in evaluate("identity", "derain", "rain", tmp_path, table, protocol=name)
    ]
    assert len({r.protocol for r in rows}) == len(rows) == 1 + len(protocols_for("derain"))
    by_name = {r.protocol.partition(":")[0]: r for r in rows}
    assert by_name["dsrir"].psnr == by_name["dsrir_columnwise"].psnr
    assert by_name["dsrir"].ssim != by_name["dsrir_columnwise"].ssim


def test_the_columnwise_figure_is_that_of_the_columns_one_by_one() -> None:
    rng = np.random.default_rng(1)
    a, b = (rng.integers(0, 256, (40, 48, 3)).astype(np.uint8) for _ in range(2))
    task = with_protocol("derain", "dsrir_columnwise")
    assert score(a, b, task).ssim == metrics.ssim_columnwise(a, b, luma=True)


#: specs/jsnet.md, section 15: the JPEG rows of Classic5
CLASSIC5 = {10: (27.82, 0.7800), 20: (30.12, 0.8541), 30: (31.48, 0.8844), 40: (32.43, 0.9011)}


@pytest.mark.shared
@pytest.mark.parametrize("quality", CLASSIC5)
def test_jpeg_inputs_have_the_published_psnr_and_ssim(shared: Path, quality: int) -> None:
    (row,) = evaluate("identity", f"jpeg_q{quality}", "Classic5", shared / "data", protocol="arcnn", with_costs=False)
    assert row.psnr is not None and row.ssim is not None
    assert (round(row.psnr, 2), round(row.ssim, 4)) == CLASSIC5[quality]


@pytest.mark.shared
def test_the_gaussian_window_gives_another_ssim_of_jpeg(shared: Path) -> None:
    (row,) = evaluate("identity", "jpeg_q10", "Classic5", shared / "data", with_costs=False)
    assert row.ssim == pytest.approx(0.7595, abs=5e-5)
