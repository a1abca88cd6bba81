"""Images on 0..1, -1..1 or 16 bits are compared rightly with data_range, and refused without it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from nas.errors import UsageError
from nas.evaluation import metrics

RNG = np.random.default_rng(0)
A = RNG.integers(0, 256, (24, 32, 3), dtype=np.uint8)
B = np.clip(A.astype(int) + RNG.integers(-20, 21, A.shape), 0, 255).astype(np.uint8)
DARK = RNG.integers(0, 2, (24, 32, 3), dtype=np.uint8)
METRICS = [
    metrics.psnr,
    metrics.ssim,
    metrics.psnr_b,
    metrics.ssim_uniform,
    metrics.ssim_padded,
    metrics.ssim_columnwise,
]
LUMA = {"luma": True}


def tensor(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(image, -1, 0)))


def unit(image: np.ndarray) -> np.ndarray:
    return image / 255


#: (restored, reference, data_range) of the same two pictures on other scales
SCALES: dict[str, tuple[Any, Any, Any]] = {
    "0..1": (unit(B), unit(A), 1),
    "0..1 in single precision": (unit(B).astype(np.float32), unit(A).astype(np.float32), 1.0),
    "0..1 tensors": (tensor(unit(B)), tensor(unit(A)), 1),
    "0..1 batches": (tensor(unit(B))[None], tensor(unit(A))[None], (0, 1)),
    "-1..1": (unit(B) * 2 - 1, unit(A) * 2 - 1, (-1, 1)),
    "-1..1 tensors": (tensor(unit(B) * 2 - 1), tensor(unit(A) * 2 - 1), [-1.0, 1.0]),
    "16 bits": (B.astype(np.uint16) * 257, A.astype(np.uint16) * 257, 65535),
    "16-bit floats": (B * 257.0, A * 257.0, 65535),
    "percent": (unit(B) * 100, unit(A) * 100, 100),
    "a uint8 reference": (unit(B), A, 1),
    "a uint8 output": (B, unit(A), 1),
    "0..255 said": (B.astype(float), A.astype(float), 255),
    "0..255 said of uint8": (B, A, 255),
    "int tensors": (tensor(B).long(), tensor(A).long(), 255),
}


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(("a", "b", "data_range"), SCALES.values(), ids=SCALES)
def test_a_named_scale_gives_the_numbers_of_0_to_255(metric: Any, a: Any, b: Any, data_range: Any) -> None:
    expected = metric(B, A, luma=True)
    assert metric(a, b, luma=True, data_range=data_range) == pytest.approx(expected, rel=1e-4)


def test_the_value_by_hand() -> None:
    clean = np.full((8, 8), 0.5)
    assert metrics.psnr(clean + 0.1, clean, data_range=1) == pytest.approx(20.0)
    assert metrics.psnr(clean + 0.1, clean, data_range=(-1, 1)) == pytest.approx(20 + 20 * math.log10(2))


UNNAMED: dict[str, tuple[Any, Any]] = {
    "0..1": (unit(B), unit(A)),
    "0..1 tensors": (tensor(unit(B)), tensor(unit(A))),
    "half precision": (tensor(unit(B)).half(), tensor(unit(A)).half()),
    "grey": (unit(B)[..., 0], unit(A)[..., 0]),
    "-1..1": (unit(B) * 2 - 1, unit(A) * 2 - 1),
    "beyond the range": (unit(B) * 1.2 - 0.1, unit(A)),
    "zero to one half": (unit(B) / 2, unit(A) / 2),
    "one of each": (A, unit(B)),
    "one of each, the other way": (unit(A), B),
    "floats of both scales": (A.astype(float), unit(B)),
    "the same picture": (unit(A), unit(A)),
    "a black output": (np.zeros(A.shape), unit(A)),
    "a mask": (DARK.astype(float), DARK[::-1].astype(float)),
    "16 bits as floats": (B * 257.0, A * 257.0),
    "standardised": ((A - 127.5) / 60, (A - 127.5) / 60),
}


@pytest.mark.parametrize(("a", "b"), UNNAMED.values(), ids=UNNAMED)
def test_another_scale_without_its_name_is_wrong_use(a: Any, b: Any) -> None:
    luma = not (isinstance(a, np.ndarray) and a.ndim == 2)
    with pytest.raises(UsageError, match="data_range"):
        metrics.psnr(a, b)
    with pytest.raises(UsageError, match="data_range"):
        metrics.ssim(a, b, luma=luma)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (DARK, DARK[::-1]),  # uint8 is on 0..255 whatever its values
        (tensor(DARK), tensor(DARK[::-1].copy())),
        (tensor(B).int(), tensor(A).int()),
        (np.zeros((24, 32)), np.full((24, 32), 40.0)),  # a black image is black on every scale
        (np.zeros((24, 32)), np.full((24, 32), 40, np.uint8)),
        (A.astype(float) * 1.1 - 12, A),  # an output may leave the range
        (np.full((24, 32), -300.0), A[..., 0]),
        (np.full((24, 32), 2.0), np.full((24, 32), 3.0)),
    ],
)
def test_what_can_only_be_on_0_to_255_needs_no_name(a: Any, b: Any) -> None:
    x, y = (np.moveaxis(v.numpy(), 0, -1) if isinstance(v, torch.Tensor) else v for v in (a, b))
    expected = 10 * math.log10(255**2 / np.mean((x.astype(float) - y) ** 2))
    assert metrics.psnr(a, b) == pytest.approx(expected)


def test_black_images_are_equal_on_every_scale() -> None:
    black = np.zeros((24, 32, 3))
    assert metrics.psnr(black, black) == math.inf and metrics.ssim(black, black) == pytest.approx(1.0)
    assert metrics.psnr(black, black.astype(np.uint8)) == math.inf


def test_a_dark_picture_on_0_to_255_is_compared_when_that_is_said() -> None:
    a, b = DARK.astype(float), DARK[::-1].astype(float)
    assert metrics.psnr(a, b, data_range=255) == pytest.approx(metrics.psnr(DARK, DARK[::-1]))


@pytest.mark.parametrize(
    ("data_range", "a", "b", "words"),
    [
        (1, A, B, "uint8 images"),
        (1, A.astype(float), B.astype(float), "reaches from"),
        (2, unit(A) * 2 - 1, unit(B) * 2 - 1, "reaches from -1"),
        (1, unit(A) * 2 - 1, unit(B) * 2 - 1, "reaches from -1"),
        (0, unit(A), unit(B), "no range"),
        (-1, unit(A), unit(B), "no range"),
        ((1, 0), unit(A), unit(B), "no range"),
        ((0, 1, 2), unit(A), unit(B), "no range"),
        (math.nan, unit(A), unit(B), "no range"),
        ("1.0.0", unit(A), unit(B), "no range"),
        (255, A * 257.0, B * 257.0, "reaches from"),
    ],
)
def test_a_range_that_the_images_contradict_is_wrong_use(data_range: Any, a: Any, b: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        metrics.psnr(a, b, data_range=data_range)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("first", [False, True])
def test_values_that_are_not_finite_are_wrong_use(value: float, first: bool) -> None:
    bad = A.astype(float)
    bad[3, 4, 0] = value
    with pytest.raises(UsageError, match="not finite"):
        metrics.psnr(*((bad, A) if first else (A, bad)))


def test_luma_and_grey_know_the_scale_too() -> None:
    for plane in (metrics.luma, metrics.grey):
        np.testing.assert_allclose(plane(unit(A), data_range=1), plane(A))
        with pytest.raises(UsageError, match="data_range"):
            plane(unit(A))
