"""Visual comparisons: the region is where it matters, the PSNR is the protocol's, wrong sizes are refused."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from nas.errors import UsageError
from nas.evaluation.metrics import psnr, ssim
from nas.report.figures.crops import CropOptions, crop_figure
from nas.report.figures.regions import interesting_region


def image(height: int = 96, width: int = 120, colour: bool = True) -> np.ndarray:
    shape = (height, width, 3) if colour else (height, width)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def test_the_region_is_where_the_models_differ_most() -> None:
    truth = image()
    one, two = truth.copy(), truth.copy()
    two[40:56, 70:86] = 255 - two[40:56, 70:86]
    assert interesting_region(truth, {"a": one, "b": two}, 16) == (40, 70, 16, 16)
    assert interesting_region(truth, {"b": two}, 16) == (40, 70, 16, 16)


def test_without_differences_the_region_has_the_most_detail() -> None:
    flat = np.full((80, 80), 128, dtype=np.uint8)
    flat[30:46, 20:36] = np.indices((16, 16)).sum(axis=0) % 2 * 255
    top, left, _, _ = interesting_region(flat, {"same": flat.copy()}, 20)
    assert 26 <= top <= 31 and 16 <= left <= 21


def test_a_region_larger_than_the_image_is_cut_down() -> None:
    small = image(20, 30)
    assert interesting_region(small, {"a": small}, 64)[2:] == (20, 20)


def test_captions_are_the_psnr_of_the_protocol_and_the_box_is_the_region() -> None:
    truth = image()
    worse = np.clip(truth.astype(float) + 9, 0, 255).astype(np.uint8)
    figure = crop_figure(truth, truth[::2, ::2], {"net": worse}, [(8, 10, 24, 32)], CropOptions(border=2))
    captions = [a.get_xlabel() for a in figure.axes[1:]]
    assert captions[0].startswith("true image") and captions[1].startswith("degraded")
    scores = f"{psnr(worse, truth, luma=True, border=2):.2f} dB / {ssim(worse, truth, luma=True, border=2):.4f}"
    assert captions[2] == f"net\n{scores}"
    boxes = [p for p in figure.axes[0].patches if isinstance(p, Rectangle)]
    assert {(b.get_width(), b.get_height()) for b in boxes} == {(32, 24)}
    assert boxes[-1].get_edgecolor()[0] > 0.8 > 0.3 > boxes[-1].get_edgecolor()[1]
    assert figure.axes[3].images[0].get_array().shape[:2] == (24, 32)


@pytest.mark.parametrize("models", [1, 2, 7])
def test_grey_images_and_many_models(models: int) -> None:
    truth = image(colour=False)
    figure = crop_figure(truth, truth, {f"m{i}": truth for i in range(models)}, options=CropOptions(luma=False))
    assert len(figure.axes) == models + 3
    figure.draw_without_rendering()


def test_wrong_sizes_and_regions_are_refused() -> None:
    truth = image()
    with pytest.raises(UsageError, match="'net' is 60x96"):
        crop_figure(truth, truth, {"net": truth[:, :60]})
    with pytest.raises(UsageError, match="leaves the 120x96 image"):
        crop_figure(truth, truth, {"net": truth}, [(90, 0, 16, 16)])
    with pytest.raises(UsageError, match="at least one"):
        crop_figure(truth, truth, {})


def test_error_maps_share_a_scale_that_the_colour_bar_states() -> None:
    truth = image(colour=False)
    outputs = {"good": np.clip(truth.astype(int) + 2, 0, 255), "bad": np.clip(truth.astype(int) + 20, 0, 255)}
    figure = crop_figure(truth, truth, outputs, [(8, 8, 24, 24)], CropOptions(error_maps=True, luma=False))
    limits = {a.images[0].get_clim() for a in figure.axes if a.images and a.images[0].get_cmap().name == "inferno"}
    assert limits == {(0.0, 24.0)}, "the smallest round number that the errors of 20 do not exceed"
    bar = figure.axes[-1]
    assert bar.get_xlabel() == "absolute error (of 255)"
    assert [t.get_text() for t in bar.get_xticklabels()] == ["0", "12", "≥ 24"]


def test_the_region_is_where_one_model_is_right_and_another_wrong_and_not_at_the_edge() -> None:
    truth = np.full((120, 120), 100, dtype=np.uint8)
    one, two = truth.copy(), truth.copy()
    one[:16, :16] = two[:16, :16] = 250  # both are wrong alike
    two[60:76, 40:56] = 180
    two[60:76, 104:] = 190  # at the edge
    assert interesting_region(truth, {"a": one, "b": two}, 16) == (60, 40, 16, 16)
