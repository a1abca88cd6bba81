"""The numbers of README's "Numbers you can trust", measured anew or read from the stored rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from nas.evaluation.harness import evaluate
from nas.evaluation.rows import read_rows
from nas.tasks import get_task

ROOT = Path(__file__).parents[2]


@pytest.mark.shared
@pytest.mark.parametrize(
    ("scale", "set5", "set14"),
    [
        (2, (33.66, 0.9299), (30.23, 0.8687)),
        (3, (30.39, 0.8682), (27.54, 0.7736)),
        (4, (28.42, 0.8104), (26.00, 0.7019)),
    ],
)
def test_bicubic_on_the_luma_plane_has_the_figures_that_papers_print(
    shared: Path, scale: int, set5: tuple[float, float], set14: tuple[float, float]
) -> None:
    """Papers take the 8-bit Y plane, resize it in floating point and round the result: the protocol ``y_plane``."""
    rows = evaluate("bicubic", f"sr_x{scale}", ["Set5", "Set14"], shared / "data", protocol="y_plane", with_costs=False)
    for row, (psnr, ssim) in zip(rows, (set5, set14), strict=True):
        assert row.psnr == pytest.approx(psnr, abs=5e-3) and row.ssim == pytest.approx(ssim, abs=1e-4)
        assert row.protocol == f"y_plane: gray, border {scale}, output rounded, SSIM gaussian 11"


@pytest.mark.shared
@pytest.mark.parametrize(
    ("set_name", "figures"),
    [("Classic5", (25.21, 27.50, 28.94, 29.92)), ("LIVE1", (24.24, 26.49, 27.89, 28.98))],
)
def test_psnr_b_of_jpeg_inputs(shared: Path, set_name: str, figures: tuple[float, ...]) -> None:
    """Classic5 as the deblocking papers print it; of LIVE1 eight of the 29 images are here: a record of ours."""
    for quality, figure in zip((10, 20, 30, 40), figures, strict=True):
        (row,) = evaluate("identity", f"jpeg_q{quality}", set_name, shared / "data", with_costs=False, with_ssim=False)
        assert row.psnr_b == pytest.approx(figure, abs=6e-3)


def test_the_stored_rows_of_the_released_network_are_the_reproduced_figures() -> None:
    """Measured with the released weights, which are not here; butterfly alone is measured anew in test_harness."""
    rows = {r.set: r for r in read_rows(ROOT / "results/measured/sr_x2.csv") if r.model.startswith("JSNet")}
    set5 = rows["Set5"]
    assert set5.psnr == pytest.approx(37.932, abs=5e-3) and set5.ssim == pytest.approx(0.9603, abs=2e-4)
    assert (set5.parameters, round((set5.multiply_adds or 0) / 1e9, 2)) == (476_467, 104.75)
    assert set5.protocol == str(get_task("sr_x2").protocol)


@pytest.mark.parametrize(("scale", "published"), [(2, 109), (3, 53), (4, 36)])
def test_the_released_genotype_costs_at_every_scale_what_its_checkpoints_hold(scale: int, published: int) -> None:
    import baselines
    from nas.profiling.costs import costs_for_task

    cost = costs_for_task(baselines.create("jsnet", scale=scale), get_task(f"sr_x{scale}"))
    assert cost.parameters == {2: 476_467, 3: 522_707, 4: 513_459}[scale]
    giga = cost.multiply_adds_conv / 1e9
    assert giga == pytest.approx({2: 104.75, 3: 51.64, 4: 35.28}[scale], abs=6e-3)
    assert 0.96 * published < giga < published  # the authors' counter includes more than convolutions
