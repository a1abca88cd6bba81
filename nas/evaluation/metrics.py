"""Image quality on the 0..255 scale: PSNR, SSIM, PSNR-B, and the variants of SSIM that some papers report.

Every metric takes the restored image first and the reference second: arrays (H, W), (H, W, 1) or (H, W, 3) in RGB
order, uint8 or floating point on 0..255, or torch tensors (C, H, W) or (1, C, H, W) on the same scale. Floats on
another scale need ``data_range=``: its highest value (``data_range=1``) or both ends (``data_range=(-1, 1)``). Without
it floats that stay within 0..1 are a UsageError, since nothing tells a dark image from one on another scale. Nothing is
rounded or clamped here; 8-bit images are compared by rounding first, as ``nas.evaluation.scoring`` does. All arithmetic
is in float64. UsageError is also raised for arrays of different shapes, of other integer types, with NaN, or too small.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from nas.errors import UsageError
from nas.evaluation.image_arrays import LARGE, DataRange, Plane, bands, on_255

PEAK = 255.0
#: weights of R, G, B in Y of ITU-R BT.601 (studio range), as in ``rgb2ycbcr`` of MATLAB
LUMA = (65.481, 128.553, 24.966)
_C1, _C2 = (0.01 * PEAK) ** 2, (0.03 * PEAK) ** 2
_WINDOW, _SIGMA = 11, 1.5


def luma(image: Any, data_range: DataRange = None) -> Plane:
    """Luma Y of ITU-R BT.601 on the studio range: 16 + (65.481 R + 128.553 G + 24.966 B) / 255.

    White becomes 235 and black 16, so a grey image that was expanded to RGB would be compressed and score about 1.3 dB
    more.

    Args:
        image: An RGB image; a grey one is returned as it is.
        data_range: Scale of floating-point values, see above.

    Returns:
        (H, W) in float64, not rounded.
    """
    return _luma(on_255([image], data_range)[0])


def grey(image: Any, data_range: DataRange = None) -> Plane:
    """The same luma on the full range 0..255, to compare the colour output of a network with a grey reference.

    Args:
        image: An RGB image; one with equal channels gives that channel. A grey one is returned as it is.
        data_range: Scale of floating-point values, see above.

    Returns:
        (H, W) in float64, not rounded.
    """
    (array,) = on_255([image], data_range)
    if array.shape[-1] == 1:
        return array[..., 0]
    return array @ (np.array(LUMA) / sum(LUMA))


def psnr(a: Any, b: Any, luma: bool = False, border: int = 0, data_range: DataRange = None) -> float:
    """Peak signal-to-noise ratio with peak 255, or that of ``data_range``.

    Args:
        a: The restored image.
        b: The reference.
        luma: Compare Y; otherwise there is one mean squared error over all channels.
        border: Pixels that are removed on each side.
        data_range: Scale of floating-point values, see above.

    Returns:
        In dB; infinite for identical images.
    """
    if not _is_large(a, b):
        x, y = _pair(a, b, luma, border, data_range)
        return _decibel(float(np.mean((x - y) ** 2)))
    total, count = 0.0, 0
    for x, y in _bands(a, b, luma, border, data_range):
        total, count = total + float(np.sum((x - y) ** 2)), count + x.size
    return _decibel(total / count)


def ssim(a: Any, b: Any, luma: bool = False, border: int = 0, data_range: DataRange = None) -> float:
    """Structural similarity (Wang et al., TIP 2004, Section III-B).

    An 11 x 11 Gaussian window with sigma 1.5 at all positions where it lies inside the image, population covariance,
    K1 = 0.01, K2 = 0.03, L = 255; the mean over positions, then over channels.

    Args:
        a: The restored image.
        b: The reference.
        luma: Compare Y.
        border: Pixels that are removed on each side.
        data_range: Scale of floating-point values, see above.

    Returns:
        At most 1.
    """
    taps = _gaussian()
    if _is_large(a, b):
        total, count = 0.0, 0
        for x, y in _bands(a, b, luma, border, data_range, overlap=_WINDOW - 1):
            _require(x, _WINDOW, "the 11 x 11 window of SSIM")
            for c in range(x.shape[-1]):
                found = _ssim_map(x[..., c], y[..., c], (taps, taps), 1.0)
                total, count = total + float(np.sum(found)), count + found.size
        return total / count
    x, y = _pair(a, b, luma, border, data_range)
    _require(x, _WINDOW, "the 11 x 11 window of SSIM")
    return float(np.mean([_ssim_map(x[..., c], y[..., c], (taps, taps), 1.0) for c in range(x.shape[-1])]))


def psnr_b(a: Any, b: Any, luma: bool = True, border: int = 0, block: int = 8, data_range: DataRange = None) -> float:
    """PSNR-B (Yim and Bovik, TIP 2011): PSNR with the blocking-effect factor of the restored image added to the MSE.

    The factor is eta (D_B - D_BC), where D_B and D_BC are the mean squared steps between neighbouring pixels on and off
    the boundaries of blocks, and eta = log2(block) / log2(min(H, W)); it is 0 where D_B does not exceed D_BC.

    Args:
        a: The restored image; it cannot be exchanged with the reference.
        b: The reference.
        luma: Compare Y; needed for colour, since the metric is defined on one plane.
        border: Pixels that are removed on each side; 0 or a multiple of ``block``, as it moves the grid of blocks.
        block: Side of the blocks in pixels.
        data_range: Scale of floating-point values, see above.

    Returns:
        In dB.
    """
    x, y = _pair(a, b, luma, border, data_range)
    if x.shape[-1] != 1:
        raise UsageError("PSNR-B compares one plane; give grey images or luma=True")
    _require(x, block + 1, f"the {block} x {block} blocks of PSNR-B")
    plane = x[..., 0]
    edge: list[Plane] = []
    inside: list[Plane] = []
    for axis in (0, 1):
        steps = np.diff(plane, axis=axis) ** 2
        at_edge = np.arange(1, plane.shape[axis]) % block == 0
        edge.append(np.compress(at_edge, steps, axis=axis).ravel())
        inside.append(np.compress(~at_edge, steps, axis=axis).ravel())
    d_edge, d_inside = float(np.concatenate(edge).mean()), float(np.concatenate(inside).mean())
    eta = math.log2(block) / math.log2(min(plane.shape)) if d_edge > d_inside else 0.0
    return _decibel(float(np.mean((x - y) ** 2)) + eta * (d_edge - d_inside))


def ssim_uniform(
    a: Any,
    b: Any,
    luma: bool = False,
    border: int = 0,
    window: int = 7,
    sample_covariance: bool = True,
    data_range: DataRange = None,
) -> float:
    """SSIM with a uniform square window at all positions where it lies inside the image.

    The defaults are those of scikit-image, which DSRIR uses. With ``window=8`` and population covariance it is the
    first code of Wang and Bovik, by which the JPEG, SA-DCT and AR-CNN rows of tables on deblocking were made (see
    ``nas.tasks.protocols``).

    Args:
        a: The restored image.
        b: The reference.
        luma: Compare Y.
        border: Pixels that are removed on each side.
        window: Side of the window in pixels.
        sample_covariance: Divide sums of squares by n - 1; otherwise by n (population covariance).
        data_range: Scale of floating-point values, see above.

    Returns:
        At most 1.
    """
    x, y = _pair(a, b, luma, border, data_range)
    _require(x, window, f"the {window} x {window} window of this SSIM")
    taps = np.full(window, 1 / window)
    covariance = window**2 / (window**2 - 1) if sample_covariance else 1.0
    maps = [_ssim_map(x[..., c], y[..., c], (taps, taps), covariance) for c in range(x.shape[-1])]
    return float(np.mean(maps))


def ssim_padded(a: Any, b: Any, luma: bool = False, border: int = 0, data_range: DataRange = None) -> float:
    """SSIM as the code of JDNet computes it: the window of ``ssim`` at every pixel, with zeros outside the image.

    Near the border the zeros raise the similarity. JDNet compares the output of the network before it is clamped, so
    values may lie outside 0..255.

    Args:
        a: The restored image.
        b: The reference.
        luma: Compare Y.
        border: Pixels that are removed on each side.
        data_range: Scale of floating-point values, see above.

    Returns:
        At most 1.
    """
    x, y = _pair(a, b, luma, border, data_range)
    reach = _WINDOW // 2
    margin = [(reach, reach), (reach, reach), (0, 0)]
    x, y = np.pad(x, margin), np.pad(y, margin)
    taps = _gaussian()
    return float(np.mean([_ssim_map(x[..., c], y[..., c], (taps, taps), 1.0) for c in range(x.shape[-1])]))


def ssim_columnwise(a: Any, b: Any, luma: bool = True, border: int = 0, data_range: DataRange = None) -> float:
    """The SSIM on Y in DSRIR's published results on rain, only to compare with them.

    The original code took the last axis of a two-dimensional Y image for channels, so that every column is scored as a
    one-dimensional signal (7 samples, uniform window, sample covariance) and the columns are averaged. The result is
    lower than SSIM (0.92 instead of 0.94) and must not be in one column of a table with it.

    Args:
        a: The restored image.
        b: The reference.
        luma: Compare Y; needed for colour.
        border: Pixels that are removed on each side.
        data_range: Scale of floating-point values, see above.

    Returns:
        At most 1.
    """
    x, y = _pair(a, b, luma, border, data_range)
    if x.shape[-1] != 1:
        raise UsageError("the column-wise SSIM compares one plane; give grey images or luma=True")
    _require(x, 7, "the 7-sample window of the column-wise SSIM", axes=1)
    return float(np.mean(_ssim_map(x[..., 0], y[..., 0], (np.full(7, 1 / 7), None), 7 / 6)))


def _gaussian() -> Plane:
    taps: Plane = np.exp(-((np.arange(_WINDOW) - _WINDOW // 2) ** 2) / (2 * _SIGMA**2))
    taps /= taps.sum()
    return taps


def _ssim_map(x: Plane, y: Plane, taps: tuple[Plane, Plane | None], covariance: float) -> Plane:
    def mean(plane: Plane) -> Plane:
        for axis, kernel in enumerate(taps):
            if kernel is not None:
                size = plane.shape[axis] - len(kernel) + 1
                shifted = (np.take(plane, range(i, i + size), axis) * w for i, w in enumerate(kernel))
                plane = sum(shifted, start=np.zeros(()))
        return plane

    mx, my = mean(x), mean(y)
    vx = covariance * (mean(x * x) - mx * mx)
    vy = covariance * (mean(y * y) - my * my)
    vxy = covariance * (mean(x * y) - mx * my)
    top = (2 * mx * my + _C1) * (2 * vxy + _C2)
    result: Plane = top / ((mx * mx + my * my + _C1) * (vx + vy + _C2))
    return result


def _decibel(mse: float) -> float:
    return math.inf if mse == 0 else 10 * math.log10(PEAK**2 / mse)


def _luma(array: Plane) -> Plane:
    if array.shape[-1] == 1:
        return array[..., 0]
    return 16 + array @ (np.array(LUMA) / 255)


def _pair(a: Any, b: Any, luma: bool, border: int, data_range: DataRange) -> tuple[Plane, Plane]:
    """Both images as (H, W, C) float64, luma taken and borders removed."""
    x, y = on_255([a, b], data_range)
    if x.shape != y.shape:
        raise UsageError(
            f"images of different shapes cannot be compared: {_size(x)} against {_size(y)}; crop or convert one of them"
        )
    if luma:
        x, y = _luma(x)[..., None], _luma(y)[..., None]
    if border < 0 or 2 * border >= min(x.shape[:2]):
        raise UsageError(f"a border of {border} pixels leaves nothing of {_size(x)}; give a smaller one")
    if border:
        x, y = x[border:-border, border:-border], y[border:-border, border:-border]
    return x, y


def _is_large(a: Any, b: Any) -> bool:
    """Whether two images are looked at in bands: large ones of 8 bits, a band of which is judged as the whole is."""
    arrays = all(isinstance(x, np.ndarray) and x.dtype == np.uint8 and x.ndim in (2, 3) for x in (a, b))
    return arrays and a.shape == b.shape and a.shape[0] * a.shape[1] > LARGE


def _bands(
    a: Any, b: Any, luma: bool, border: int, data_range: DataRange, overlap: int = 0
) -> Iterator[tuple[Plane, Plane]]:
    """What ``_pair`` gives, a few rows at a time; ``overlap`` rows of each are repeated in the next."""
    if 2 * border >= min(a.shape[:2]):
        _pair(a[:1, :1], b[:1, :1], luma, border, data_range)  # refuses the border
    inner = slice(border, -border or None)
    a, b = a[inner, inner], b[inner, inner]
    for rows in bands(a.shape[0], a.shape[1], overlap):
        yield _pair(a[rows], b[rows], luma, 0, data_range)


def _require(x: Plane, least: int, what: str, axes: int = 2) -> None:
    if min(x.shape[:axes]) < least:
        raise UsageError(f"an image of {_size(x)} (after cropping) is too small for {what}")


def _size(x: Plane) -> str:
    return f"{x.shape[0]} x {x.shape[1]} x {x.shape[2]}"
