"""EXIF orientation: how the stored pixels of a camera's file are to be turned, whatever the format of the file.

Pillow turns TIFF files by itself when they are loaded, and no others. A PNG may carry the tag behind its pixels, where
Pillow finds it only by decoding the whole image; its chunks are walked instead.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

Array = NDArray[Any]

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG_END = b"\xff\xd9"
_TAIL = 65536  # bytes in which the end mark of a JPEG is looked for: cameras append previews and notes


def exif_orientation(image: Image.Image, path: Path) -> int:
    """The orientation by which the pixels that Pillow decodes are still to be turned.

    Args:
        image: The opened file, not loaded yet.
        path: The same file.

    Returns:
        1 to 8 as EXIF defines them; 1 (as stored) without a tag, with a malformed one, and for TIFF.
    """
    if image.format == "TIFF":
        return 1
    try:
        if image.format == "PNG" and "exif" not in image.info:
            late = _png_exif(path)
            exif = Image.Exif()
            if late:
                exif.load(late)
            else:
                exif = Image.Image.getexif(image)  # text chunks before the pixels, without decoding them
        else:
            exif = image.getexif()
        found = exif.get(ExifTags.Base.Orientation, 1)
    except (OSError, SyntaxError, ValueError, TypeError, KeyError, struct.error):
        return 1
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def turned(image: Array, orientation: int) -> Array:
    """An image (H, W[, C]) turned as an EXIF orientation of 1 to 8 asks, contiguous."""
    steps = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: a[::-1].swapaxes(0, 1),
        7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
        8: lambda a: a[:, ::-1].swapaxes(0, 1),
    }
    return np.ascontiguousarray(steps[orientation](image))


def seems_cut(path: Path) -> bool:
    """Whether a PNG or JPEG file lacks its end, told without decoding it.

    Args:
        path: An image file.

    Returns:
        True for a PNG without its last chunk or a JPEG without its end mark; such a file deserves to be decoded before
        it is relied upon. False for all other formats.
    """
    with path.open("rb") as stream:
        head = stream.read(8)
        if head == _PNG:
            return not any(kind == b"IEND" for kind, _ in _png_chunks(stream))
        if head[:2] == _JPEG_END[:1] + b"\xd8":
            stream.seek(max(0, stream.seek(0, 2) - _TAIL))
            return _JPEG_END not in stream.read()
    return False


def _png_exif(path: Path) -> bytes:
    with path.open("rb") as stream:
        if stream.read(8) != _PNG:
            return b""
        for kind, length in _png_chunks(stream):
            if kind == b"eXIf":
                return stream.read(length)
    return b""


def _png_chunks(stream: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """(kind, length) of every whole chunk, the stream standing at its data."""
    size = stream.seek(0, 2)
    place = len(_PNG)
    while True:
        stream.seek(place)
        head = stream.read(8)
        if len(head) < 8:
            return
        length, kind = struct.unpack(">I4s", head)
        if place + 12 + length > size:
            return
        yield kind, length
        place += 12 + length
