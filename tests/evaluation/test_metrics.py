"""Metrics against scikit-image, hand-made values and the reference figures of the papers' own code."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from nas.errors import UsageError
from nas.evaluation import metrics


def noisy_pair(shape: tuple[int, ...], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    rows = np.linspace(20, 220, shape[0])[:, None]
    clean = rows + 30 * np.sin(np.arange(shape[1]) / 3)[None, :]
    clean = clean[..., None] + np.array([0, 10, -15]) if len(shape) == 3 else clean
    noisy = clean + rng.normal(0, 9, shape)
    return tuple(np.clip(np.floor(x + 0.5), 0, 255).astype(np.uint8) for x in (noisy, clean))  # type: ignore


def test_psnr_of_a_constant_error_has_its_closed_form() -> None:
    clean = np.full((12, 13, 3), 100, np.uint8)
    assert metrics.psnr(clean + 5, clean) == pytest.approx(20 * math.log10(255 / 5))
    assert metrics.psnr(clean, clean + 5) == metrics.psnr(clean + 5, clean)  # no uint8 wrap-around


def test_colour_psnr_pools_the_error_of_all_channels() -> None:
    clean = np.zeros((8, 8, 3))
    restored = clean.copy()
    restored[..., 0] = 6.0
    assert metrics.psnr(restored, clean) == pytest.approx(10 * math.log10(255**2 / 12))


def test_identical_images_have_infinite_psnr_and_unit_ssim() -> None:
    a, _ = noisy_pair((20, 24, 3))
    assert metrics.psnr(a, a) == math.inf
    assert metrics.psnr_b(np.full((16, 16), 9.0), np.full((16, 16), 9.0)) == math.inf
    assert metrics.ssim(a, a) == pytest.approx(1.0)


def test_luma_has_the_studio_range_and_is_not_rounded() -> None:
    image = np.array([[[0, 0, 0], [255, 255, 255], [1, 2, 3]]], np.uint8)
    expected = [16.0, 235.0, 16 + (65.481 + 2 * 128.553 + 3 * 24.966) / 255]
    np.testing.assert_allclose(metrics.luma(image)[0], expected, rtol=1e-14)


def test_luma_leaves_a_grey_image_as_it_is() -> None:
    a, b = noisy_pair((20, 24))
    np.testing.assert_array_equal(metrics.luma(a), a)
    assert metrics.psnr(a, b, luma=True) == metrics.psnr(a, b)


def test_grey_of_equal_channels_is_that_channel_while_luma_squeezes_it() -> None:
    a, b = noisy_pair((20, 24))
    colour = [np.repeat(x[..., None], 3, axis=2) for x in (a, b)]
    np.testing.assert_allclose(metrics.grey(colour[0]), a, atol=1e-12)
    gain = metrics.psnr(*colour, luma=True) - metrics.psnr(a, b)
    assert gain == pytest.approx(20 * math.log10(255 / 219))  # the 1.3 dB that must not be mixed in


@pytest.mark.parametrize("shape", [(33, 40), (33, 40, 3)])
@pytest.mark.parametrize("luma", [False, True])
@pytest.mark.parametrize("border", [0, 3])
def test_psnr_and_ssim_agree_with_scikit_image(shape: tuple[int, ...], luma: bool, border: int) -> None:
    a, b = noisy_pair(shape)
    x, y = (metrics.luma(a), metrics.luma(b)) if luma else (a.astype(float), b.astype(float))
    inner = slice(border, -border or None)
    x, y = x[inner, inner], y[inner, inner]
    expected = structural_similarity(
        x,
        y,
        data_range=255,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        channel_axis=2 if x.ndim == 3 else None,
    )
    assert metrics.ssim(a, b, luma, border) == pytest.approx(expected, abs=1e-10)
    assert metrics.psnr(a, b, luma, border) == pytest.approx(peak_signal_noise_ratio(y, x, data_range=255))
    uniform = structural_similarity(x, y, data_range=255, channel_axis=2 if x.ndim == 3 else None)
    assert metrics.ssim_uniform(a, b, luma, border) == pytest.approx(uniform, abs=1e-10)


def test_columnwise_ssim_is_scikit_image_told_that_columns_are_channels() -> None:
    a, b = (x.astype(float) for x in noisy_pair((30, 22)))
    expected = structural_similarity(a, b, data_range=255, channel_axis=-1)
    assert metrics.ssim_columnwise(a, b) == pytest.approx(expected, abs=1e-10)
    assert metrics.ssim_columnwise(a, b) < metrics.ssim_uniform(a, b)


def test_tensors_score_like_the_arrays_they_hold() -> None:
    a, b = noisy_pair((20, 24, 3))
    x, y = (torch.from_numpy(v).permute(2, 0, 1).float() for v in (a, b))
    expected = metrics.psnr(a, b, luma=True, border=2)
    assert metrics.psnr(x, y[None], luma=True, border=2) == pytest.approx(expected)


def test_psnr_b_equals_psnr_without_blocks_and_is_lower_with_them() -> None:
    rng = np.random.default_rng(1)
    clean = np.full((32, 40), 120.0)
    blocky = clean + np.kron(rng.normal(0, 6, (4, 5)), np.ones((8, 8)))
    off_grid = np.roll(blocky, 4, axis=(0, 1))  # steps of the same kind, but none on the grid
    assert metrics.psnr_b(blocky, clean) < metrics.psnr(blocky, clean) - 1
    assert metrics.psnr_b(off_grid, clean) == pytest.approx(metrics.psnr(off_grid, clean))


def test_psnr_b_has_its_closed_form_for_one_step_on_the_grid() -> None:
    clean = np.zeros((16, 16))
    restored = clean.copy()
    restored[:, 8:] = 2.0  # one vertical edge: 16 of the 32 steps across blocks are 2, all others 0
    bef = math.log2(8) / math.log2(16) * (16 * 4 / 32)
    assert metrics.psnr_b(restored, clean) == pytest.approx(10 * math.log10(255**2 / (2.0 + bef)))


@pytest.mark.parametrize(
    ("a", "b", "options", "words"),
    [
        (np.zeros((9, 9)), np.zeros((9, 8)), {}, "different shapes"),
        (np.zeros((9, 9)), np.zeros((9, 9, 3)), {"luma": True}, "different shapes"),
        (np.zeros((9, 9), np.uint16), np.zeros((9, 9), np.uint16), {}, "uint16"),
        (np.zeros((9, 9, 4)), np.zeros((9, 9, 4)), {}, "shape"),
        (np.zeros((9, 9)), np.zeros((9, 9)), {"border": 5}, "border"),
        (np.zeros((9, 9)), np.zeros((9, 9)), {"border": -1}, "border"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_a_reason(a, b, options, words) -> None:  # type: ignore
    with pytest.raises(UsageError, match=words):
        metrics.psnr(a, b, **options)


@pytest.mark.parametrize(
    ("metric", "shape"),
    [
        (metrics.ssim, (10, 40)),
        (metrics.ssim_uniform, (40, 6)),
        (metrics.ssim_columnwise, (6, 40)),
        (metrics.psnr_b, (8, 40)),
    ],
)
def test_an_image_too_small_for_the_window_is_refused(metric, shape) -> None:  # type: ignore
    with pytest.raises(UsageError, match="too small"):
        metric(np.zeros(shape), np.zeros(shape))


@pytest.mark.parametrize("metric", [metrics.psnr_b, metrics.ssim_columnwise])
def test_metrics_of_one_plane_refuse_colour(metric) -> None:  # type: ignore
    with pytest.raises(UsageError, match="one plane"):
        metric(np.zeros((20, 20, 3)), np.zeros((20, 20, 3)), luma=False)


@pytest.mark.shared
def test_the_metrics_of_dsrir_are_reproduced(shared: Path) -> None:
    from safetensors.numpy import load_file

    folder = shared / "fixtures" / "dsrir"
    expected = json.loads((folder / "manifest.json").read_text())["pipeline"]["metrics"]
    images = load_file(folder / "pipeline.safetensors")
    names = ("clean", "restored")
    for index in range(2):
        clean, restored = (images[f"metric.{k}"][index].transpose(1, 2, 0).clip(0, 1) * 255 for k in names)
        rgb, y = expected["rgb"][index], expected["y_as_published"][index]
        assert metrics.psnr(restored, clean) == pytest.approx(rgb["psnr"], abs=1e-4)
        assert metrics.ssim_uniform(restored, clean) == pytest.approx(rgb["ssim"], abs=1e-4)
        assert metrics.ssim_columnwise(restored, clean) == pytest.approx(y["ssim_columnwise"], abs=1e-4)
        assert metrics.ssim_uniform(restored, clean, luma=True) == pytest.approx(y["ssim_two_dimensional"], abs=1e-4)
        assert metrics.psnr(restored, clean, luma=True) == pytest.approx(y["psnr"], abs=1e-4)


@pytest.mark.parametrize(("luma", "border"), [(True, 3), (False, 0), (True, 0)])
def test_a_large_image_scores_in_bands_as_it_does_whole(
    luma: bool, border: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    target = rng.integers(0, 255, (75, 64, 3), dtype=np.uint8)
    restored = np.clip(target.astype(int) + rng.integers(-9, 9, target.shape), 0, 255).astype(np.uint8)
    whole = [measure(restored, target, luma, border) for measure in (metrics.psnr, metrics.ssim)]
    monkeypatch.setattr("nas.evaluation.metrics.LARGE", 100)
    monkeypatch.setattr("nas.evaluation.image_arrays.LARGE", 100)
    monkeypatch.setattr("nas.evaluation.image_arrays.BAND", 64 * 9)
    found = [measure(restored, target, luma, border) for measure in (metrics.psnr, metrics.ssim)]
    assert found == pytest.approx(whole, rel=1e-14)
    assert metrics.psnr(target, target, luma, border) == float("inf")
    with pytest.raises(UsageError, match="border"):
        metrics.psnr(restored, target, luma, 40)
