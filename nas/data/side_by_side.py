"""Files that hold the clean and the degraded image side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nas.images.files import image_info, read_image

#: cells of thumbnails in all; a few correlate by chance
_ENOUGH = 12


def looks_side_by_side(files: Sequence[Path]) -> bool:
    """Whether the first images' two halves show the same scene: coarse thumbnails that correlate strongly.

    Raises:
        NasError: One of them cannot be read.
    """
    cells_seen = 0
    for file in files[:3]:
        info = image_info(file)
        if info.width % 2 or info.width < 32 or info.height < 16:
            return False
        image = read_image(file).astype(np.float64)
        grey = image.mean(axis=2) if image.ndim == 3 else image
        half = info.width // 2
        cells = [part[: part.shape[0] // 8 * 8, : half // 8 * 8] for part in (grey[:, :half], grey[:, half:])]
        coarse = [c.reshape(c.shape[0] // 8, 8, -1, 8).mean(axis=(1, 3)).ravel() for c in cells]
        if min(c.std() for c in coarse) == 0 or np.corrcoef(coarse[0], coarse[1])[0, 1] < 0.6:
            return False
        cells_seen += len(coarse[0])
    return cells_seen >= _ENOUGH
