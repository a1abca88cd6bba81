"""imresize is MATLAB's, bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nas.errors import UsageError
from nas.images import imresize, modcrop, read_image, to_luma, to_uint8


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_every_set5_lr_image_is_reproduced_exactly(shared: Path, scale: int) -> None:
    folder = shared / "data/benchmarks/Set5"
    names = sorted(p.stem for p in (folder / "HR").iterdir())
    assert len(names) == 5
    for name in names:
        high = modcrop(read_image(folder / "HR" / f"{name}.png"), scale)
        low = read_image(folder / f"LR_bicubic/X{scale}" / f"{name}x{scale}.png")
        assert np.count_nonzero(imresize(high, 1 / scale) != low) == 0, name


def psnr(a: np.ndarray, b: np.ndarray, border: int) -> float:
    inside = slice(border, -border)
    return float(10 * np.log10(255**2 / np.mean((a[inside, inside] - b[inside, inside]) ** 2)))


@pytest.mark.parametrize(
    ("scale", "luma_path", "stored_path"), [(2, 33.661, 33.673), (3, 30.392, 30.403), (4, 28.421, 28.429)]
)
def test_bicubic_baseline_of_the_literature(shared: Path, scale: int, luma_path: float, stored_path: float) -> None:
    folder = shared / "data/benchmarks/Set5"
    on_y, on_rgb = [], []
    for file in sorted((folder / "HR").iterdir()):
        high = to_luma(modcrop(read_image(file), scale))
        low = read_image(folder / f"LR_bicubic/X{scale}" / f"{file.stem}x{scale}.png")
        made = imresize(imresize(high, 1 / scale), scale)
        on_y.append(psnr(np.floor(made + 0.5), np.floor(high + 0.5), scale))
        on_rgb.append(psnr(to_luma(imresize(low, scale)), high, scale))
    assert abs(np.mean(on_y) - luma_path) < 0.01
    assert abs(np.mean(on_rgb) - stored_path) < 0.001


def pattern(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return ((37 * x + 91 * y + x * y * 13) % 256).astype(np.uint8)


#: made with the rule that reproduces the Set5 images
GOLDEN_HALF = [[72, 132, 141, 133, 90], [131, 149, 147, 121, 169], [113, 136, 136, 132, 128], [130, 153, 183, 165, 162]]
GOLDEN_THIRD = [[104, 144, 125, 106], [121, 146, 139, 111], [152, 144, 146, 157]]
GOLDEN_DOUBLE = [
    [0, 5, 19, 36, 56, 66],
    [14, 25, 47, 69, 91, 102],
    [69, 81, 107, 133, 159, 171],
    [95, 109, 137, 165, 193, 207],
]


@pytest.mark.parametrize(
    ("size", "scale", "golden"),
    [((8, 10), 1 / 2, GOLDEN_HALF), ((9, 12), 1 / 3, GOLDEN_THIRD), ((2, 3), 2, GOLDEN_DOUBLE)],
)
def test_small_golden_images(size: tuple[int, int], scale: float, golden: list[list[int]]) -> None:
    np.testing.assert_array_equal(imresize(pattern(*size), scale), np.array(golden, np.uint8))


@pytest.mark.parametrize("scale", [1 / 2, 1 / 3, 1 / 4, 0.37, 2, 3, 1.5])
def test_against_the_definition_written_out(scale: float) -> None:
    def kernel(x: float) -> float:
        x = abs(x)
        if x <= 1:
            return 1.5 * x**3 - 2.5 * x**2 + 1
        return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0.0

    def line(values: np.ndarray) -> np.ndarray:
        n, narrowing, result = len(values), min(scale, 1.0), []
        for i in range(1, int(np.ceil(n * scale - 1e-9)) + 1):
            centre = i / scale + 0.5 * (1 - 1 / scale)
            total = weight = 0.0
            for j in range(int(centre - 2 / narrowing) - 2, int(centre + 2 / narrowing) + 3):
                k = kernel(narrowing * (j - centre))
                m = (j - 1) % (2 * n)
                total += k * values[m if m < n else 2 * n - 1 - m]
                weight += k
            result.append(total / weight)
        return np.array(result)

    image = np.random.default_rng(0).random((11, 14)) * 255
    rows = np.apply_along_axis(line, 0, image)
    np.testing.assert_allclose(imresize(image, scale), np.apply_along_axis(line, 1, rows), atol=1e-9)


def test_float_is_neither_rounded_nor_clipped_and_types_are_kept() -> None:
    image = np.zeros((16, 16))
    image[8:] = 255.0
    made = imresize(image, 2)
    assert made.dtype == np.float64 and made.min() < 0 and made.max() > 255
    assert imresize(image.astype(np.uint8), 2).dtype == np.uint8
    deep = np.random.default_rng(0).integers(0, 65536, (12, 12, 3)).astype(np.uint16)
    assert imresize(deep, 0.5).dtype == np.uint16 and imresize(deep, 0.5).max() > 255


def test_constant_images_stay_constant_and_tiny_ones_work() -> None:
    for side in (1, 2, 5):
        for scale in (1 / 4, 1 / 2, 3):
            assert np.unique(imresize(np.full((side, side + 1, 3), 77, np.uint8), scale)).tolist() == [77]


def test_smaller_scale_goes_first_and_size_is_obeyed() -> None:
    image = np.random.default_rng(1).integers(0, 256, (20, 24)).astype(np.uint8)
    columns_first = imresize(imresize(image, (1.0, 0.25)), (0.5, 1.0))
    np.testing.assert_array_equal(imresize(image, (0.5, 0.25)), columns_first)
    assert imresize(image, size=(7, 31)).shape == (7, 31)


@pytest.mark.parametrize("bad", [0, -1.0, float("nan")])
def test_senseless_requests_are_refused(bad: float) -> None:
    with pytest.raises(UsageError, match="must be positive"):
        imresize(np.zeros((4, 4), np.uint8), bad)
    with pytest.raises(UsageError, match="scale or a size"):
        imresize(np.zeros((4, 4), np.uint8))
    with pytest.raises(UsageError, match="int64"):
        imresize(np.zeros((4, 4), np.int64), 2)
    with pytest.raises(UsageError, match="shape"):
        imresize(np.zeros((0, 4), np.uint8), 2)


def test_rounding_is_half_up() -> None:
    assert to_uint8(np.array([[0.5, 1.5, 2.49, -3.0, 300.0]])).tolist() == [[1, 2, 2, 0, 255]]


@pytest.mark.parametrize("scale", [0.5, 1 / 3, 2, (0.5, 3), 0.77])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_bands_do_not_change_a_bit(scale: Any, dtype: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    image = (np.random.default_rng(0).random((37, 53, 3)) * 255).astype(dtype)
    whole = imresize(image, scale)
    monkeypatch.setattr("nas.images.resize._BAND", 700)
    found = imresize(image, scale)
    assert found.dtype == whole.dtype and np.array_equal(found, whole)
