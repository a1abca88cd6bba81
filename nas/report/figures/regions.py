"""Regions of images: which one is worth a look, what a user typed, whether it lies inside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from nas.errors import UsageError

Array = npt.NDArray[Any]
#: top, left, height, width in pixels of the true image
Region = tuple[int, int, int, int]
#: pixels at the edges of an image in which no region begins by itself
EDGE = 4


def interesting_region(target: Array, restored: Mapping[str, Array], size: int = 64) -> Region:
    """The first of ``interesting_regions``."""
    return interesting_regions(target, restored, size, 1)[0]


def interesting_regions(target: Array, restored: Mapping[str, Array], size: int = 64, count: int = 1) -> list[Region]:
    """Squares that show best what tells the models apart; they do not overlap, and are the same for the same images.

    Such a square is where the error of one model exceeds that of another most, away from the edges of the image. With
    one model it is where its error is largest, and where nothing differs, where the true image has most detail.

    Args:
        target: The true image, (H, W) or (H, W, 3), 0 to 255.
        restored: For each model its output, of the size of ``target``.
        size: Side of a square in pixels; that of the image where it is smaller.
        count: How many are wanted; there may be space for fewer.

    Returns:
        At least one region, the most instructive first.
    """
    side = min(size, *target.shape[:2])
    sums = _sums_over_squares(_interest(target, restored), side)
    if min(target.shape[:2]) >= 2 * side + 2 * EDGE:  # errors at the edges say how a model pads, not how it restores
        sums[:EDGE] = sums[-EDGE:] = sums[:, :EDGE] = sums[:, -EDGE:] = -np.inf
    found: list[Region] = []
    while len(found) < max(count, 1):
        top, left = (int(v) for v in np.unravel_index(int(np.argmax(sums)), sums.shape))
        if not np.isfinite(sums[top, left]):
            break
        found.append((top, left, side, side))
        sums[max(0, top - side + 1) : top + side, max(0, left - side + 1) : left + side] = -np.inf
    return found


def _interest(target: Array, restored: Mapping[str, Array]) -> npt.NDArray[np.float32]:
    """How instructive each pixel is, (H, W)."""
    truth = to_plane(target)
    errors = [np.abs(to_plane(i) - truth) for i in restored.values()]
    if len(errors) > 1:
        interest = np.max(errors, axis=0) - np.min(errors, axis=0)
    else:
        interest = errors[0] if errors else np.zeros_like(truth)
    if interest.max() < 1e-6:
        interest = np.abs(cv2.Laplacian(truth, cv2.CV_32F))
    return np.asarray(interest, dtype=np.float32)


def _sums_over_squares(values: npt.NDArray[np.float32], side: int) -> npt.NDArray[np.float64]:
    """The sum over the square that begins at each pixel, (H - side + 1, W - side + 1)."""
    total = cv2.integral(values, sdepth=cv2.CV_64F)
    sums = total[side:, side:] - total[:-side, side:] - total[side:, :-side] + total[:-side, :-side]
    return np.asarray(sums)


def to_plane(image: Array) -> npt.NDArray[np.float32]:
    """The mean of the channels of an image (H, W) or (H, W, 3), as (H, W)."""
    plane = np.asarray(image, dtype=np.float32)
    return plane.mean(axis=2) if plane.ndim == 3 else plane


def cut_region(image: Array, region: Region) -> Array:
    """The pixels of a region, as a view of ``image``."""
    return image[region[0] : region[0] + region[2], region[1] : region[1] + region[3]]


def check_region(region: Region, height: int, width: int) -> None:
    """Refuse a region that is not inside an image.

    Args:
        region: Top, left, height, width in pixels.
        height: Of the image, in pixels.
        width: Of the image, in pixels.

    Raises:
        UsageError: The region is empty or leaves the image.
    """
    top, left, tall, wide = region
    if min(top, left) < 0 or min(tall, wide) < 1 or top + tall > height or left + wide > width:
        raise UsageError(
            f"the region top {top}, left {left}, {wide}x{tall} leaves the {width}x{height} image; choose one inside"
        )


def parse_region(text: str) -> Region:
    """Read the value of ``--region``.

    Args:
        text: ``x,y,w,h`` in pixels of the true image, from its top left corner.

    Returns:
        Top, left, height, width.

    Raises:
        UsageError: The text is not of that form.
    """
    try:
        x, y, wide, tall = (int(part) for part in text.replace(" ", "").split(","))
    except ValueError:
        raise UsageError(f"--region {text!r} is not x,y,w,h in pixels, e.g. --region 120,40,64,64") from None
    return y, x, tall, wide
