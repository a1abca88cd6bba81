"""Pictures of a validation for people to look at: the degraded image, the restored one and the true one in a row."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nas.images import to_uint8

#: image (H, W[, C]) on 0..255
Picture = npt.NDArray[Any]
#: most pixels of a side of one of the three
SIDE = 320


def panel(degraded: Picture, restored: Picture, target: Picture) -> Picture:
    """The centre of three images side by side.

    Args:
        degraded: (h, w[, C]); a smaller one is enlarged by repeating its pixels.
        restored: (H, W[, C]).
        target: Of the size of the restored one, or slightly larger.

    Returns:
        uint8 (height, 3 * width, 3) of at most ``SIDE`` pixels for each.
    """
    height, width = restored.shape[:2]
    scale = max(1, round(height / degraded.shape[0]))
    enlarged = degraded.repeat(scale, 0).repeat(scale, 1)
    top, left = max(height - SIDE, 0) // 2, max(width - SIDE, 0) // 2
    cut = [_colour(x[top : top + SIDE, left : left + SIDE]) for x in (enlarged, restored, target)]
    rows, columns = (min(x.shape[axis] for x in cut) for axis in (0, 1))
    return np.concatenate([x[:rows, :columns] for x in cut], axis=1)


def _colour(image: Picture) -> Picture:
    planes = to_uint8(image)
    planes = planes if planes.ndim == 3 else planes[..., None]
    return np.repeat(planes, 3, axis=2) if planes.shape[-1] == 1 else planes
