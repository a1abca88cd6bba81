"""Tiny data sets in the layouts of other people."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from nas.images import imresize, write_image
from nas.images.files import SUFFIXES

NAMES = ("0001", "0002", "0003")


def picture(name: str, height: int = 24, width: int = 36) -> np.ndarray:
    """A picture that depends on its name alone."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    return rng.integers(0, 256, (height, width, 3)).astype(np.uint8)


def low(name: str, scale: int, height: int = 24, width: int = 36) -> np.ndarray:
    """The same picture, made smaller as MATLAB would, or for scale 1 darker."""
    image = picture(name, height, width)
    return imresize(image, 1 / scale) if scale > 1 else image // 2


def fill(root: Path, template: str, names: Iterable[str] = NAMES, scale: int | None = None) -> None:
    """Write the pictures of some names where a template such as ``LR/X2/{}x2`` says.

    Args:
        root: The folder of the data set.
        template: Path below it; the ending is .png where it has none.
        names: What takes the place of the braces.
        scale: None for clean pictures, 1 for degraded ones of their size, else for ones so many times smaller.
    """
    for name in names:
        path = root / template.format(name)
        path = path if path.suffix.lower() in SUFFIXES else path.with_name(path.name + ".png")
        write_image(path, picture(name) if scale is None else low(name, scale))
