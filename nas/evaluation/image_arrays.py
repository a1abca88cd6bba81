"""Images as the metrics take them: (H, W, C) in float64 on 0..255, whatever scale they come on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nas.errors import UsageError

Plane = npt.NDArray[np.float64]
#: None: uint8, or floats on 0..255; a number: floats on 0..number; two numbers: floats from the first to the second
DataRange = float | tuple[float, float] | None

#: pixels of an image beyond which it is looked at in bands, and of a band
LARGE, BAND = 2**22, 2**19
#: An image of floats that stays within this everywhere is taken for one on 0..1 or -1..1: no picture is so dark.
_SMALL = 1.5
#: By how much of the range a reference may leave it before the range is taken for wrong.
_SLACK = 0.1
_ORDINALS = {0: "the first image", 1: "the second image"}


def bands(height: int, width: int, overlap: int = 0) -> Iterator[slice]:
    """Ranges of the rows of an image, small enough that a few copies of one in float64 take little memory.

    Args:
        height: Of the image.
        width: Of the image.
        overlap: Rows that each range has in common with the next one.

    Yields:
        One range of all rows for images of up to ``LARGE`` pixels.
    """
    step = height if height * width <= LARGE else max(BAND // max(width, 1), 1)
    for start in range(0, max(height - overlap, 1), step):
        yield slice(start, min(start + step + overlap, height))


def on_255(images: Sequence[Any], data_range: DataRange = None) -> list[Plane]:
    """Bring images to the scale 0..255.

    Args:
        images: One image, or a restored one and its reference: uint8, or floating point on ``data_range``; torch
            tensors are (C, H, W) or (1, C, H, W). Whole numbers other than uint8 need a ``data_range``.
        data_range: Lowest and highest possible value of the images that are not uint8, or the highest alone where the
            lowest is 0. None: 0..255.

    Returns:
        (H, W, C) in float64 each, not rounded and not clamped.

    Raises:
        UsageError: The range is impossible, or the values show that they are on another one; an image of another shape
            or type, or with values that are not finite.
    """
    arrays = [_array(image, _name(i, len(images)), data_range) for i, image in enumerate(images)]
    low, high = _bounds(data_range)
    eight_bit = [array.dtype == np.uint8 for array in arrays]
    if data_range is not None and all(eight_bit) and (low, high) != (0.0, 255.0):
        raise UsageError(f"data_range={data_range!r} does not fit uint8 images, whose values are 0..255; leave it out")
    found = [array.astype(np.float64) for array in arrays]
    for i, (array, exact) in enumerate(zip(found, eight_bit, strict=True)):
        if exact:
            continue
        if data_range is None:
            _refuse_small(array, _name(i, len(images)), others=any(eight_bit))
        # a restored image may leave the range, a true one does not
        if i == len(found) - 1 and (len(found) > 1 or data_range is None):
            _refuse_outside(array, _name(i, len(images)), low, high, data_range)
    if (low, high) == (0.0, 255.0):
        return found
    return [a if exact else (a - low) * (255.0 / (high - low)) for a, exact in zip(found, eight_bit, strict=True)]


def _bounds(data_range: DataRange) -> tuple[float, float]:
    if data_range is None:
        return 0.0, 255.0
    try:
        low, high = data_range if isinstance(data_range, tuple | list) else (0.0, data_range)
        low, high = float(low), float(high)
    except (TypeError, ValueError):
        low = high = math.nan
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise UsageError(f"data_range={data_range!r} is no range; give its highest value, or (lowest, highest)")
    return low, high


def _array(image: Any, which: str, data_range: DataRange) -> npt.NDArray[Any]:
    if hasattr(image, "detach"):  # a torch tensor: channels first
        image = image.detach().cpu()
        image = (image if str(image.dtype) == "torch.uint8" else image.double()).numpy()
        if image.ndim == 4 and image.shape[0] == 1:
            image = image[0]
        if image.ndim == 3:
            image = np.moveaxis(image, 0, -1)
    array: npt.NDArray[Any] = np.asarray(image)
    whole = data_range is not None and array.dtype.kind in "ui"
    if array.dtype != np.uint8 and array.dtype.kind != "f" and not whole:
        raise UsageError(
            f"{which} has type {array.dtype}; give uint8, floating point on 0..255, or name the scale with data_range="
        )
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[-1] not in (1, 3) or array.size == 0:
        raise UsageError(f"{which} has shape {np.shape(image)}; give (H, W), (H, W, 1) or (H, W, 3)")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise UsageError(
            f"{which} contains values that are not finite (NaN or infinity), which nothing can be compared with"
        )
    return array


def _refuse_small(array: Plane, which: str, others: bool) -> None:
    """An image of zeros is black on every scale; any other that stays near 0 is on another scale than 0..255."""
    least, most = float(array.min()), float(array.max())
    if (least, most) == (0.0, 0.0) or max(-least, most) >= _SMALL:
        return
    scale, value = ("-1..1", "(-1, 1)") if least < -0.5 else ("0..1", "1")
    beside = ", beside a uint8 image" if others else ""
    raise UsageError(
        f"{which} stays within {least:.3g}..{most:.3g}{beside}, but images are compared on 0..255; "
        f"say data_range={value} if it is on {scale}, data_range=255 if it is really that dark"
    )


def _refuse_outside(array: Plane, which: str, low: float, high: float, data_range: DataRange) -> None:
    least, most, slack = float(array.min()), float(array.max()), _SLACK * (high - low)
    if least < low - (0.5 if data_range is None else slack) or most > high + slack:
        said = "images are compared on 0..255" if data_range is None else f"data_range={data_range!r} was given"
        raise UsageError(f"{which} reaches from {least:.4g} to {most:.4g}, but {said}; give the right data_range=")


def _name(index: int, count: int) -> str:
    return "the image" if count == 1 else _ORDINALS[index]
