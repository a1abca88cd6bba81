"""Pictures for a report: which image of which model, encoded small enough for one file."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
#: pixels of the longer side, which is what a page shows at full width
LONGEST = 1200
#: names under which a scene may hold its true image
TRUE_NAMES = ("target", "hr", "clean", "true image")


@dataclass
class Picture:
    """One scene in several versions.

    Attributes:
        name: Its name, such as "sr_x2 / Set5 / baby".
        versions: Name of a model, "target" or "degraded" -> image, (H, W) or (H, W, 3) in RGB, 0 to 255, or its file.
    """

    name: str
    versions: dict[str, Array | Path] = field(default_factory=dict)


def find_pictures(folder: str | Path) -> list[Picture]:
    """Find the pictures of a folder.

    Args:
        folder: A folder of <model>/<task>/<set>/<image>.png, as ``nas evaluate --save-images`` writes them. Other PNG
            files are grouped by file name, with the path before it as the version.

    Returns:
        The scenes by name.
    """
    folder = Path(folder)
    scenes: dict[tuple[str, ...], Picture] = {}
    for path in sorted(folder.rglob("[!.]*.png")):
        parts = path.relative_to(folder).with_suffix("").parts
        version, key = parts[0], parts
        if len(parts) == 4:
            key = parts[1:]
        elif len(parts) > 1:
            version, key = "/".join(parts[:-1]), parts[-1:]
        name = " / ".join(key)
        scenes.setdefault(key, Picture(name)).versions[version] = path
    return list(scenes.values())


def as_pictures(
    images: str | Path | Sequence[Picture] | Mapping[str, Mapping[str, Array | Path]] | None,
) -> list[Picture]:
    """Pictures from what ``write_report`` takes.

    Args:
        images: A folder, pictures, or scene -> version -> image.

    Returns:
        The pictures; an empty list for None.
    """
    if images is None:
        return []
    if isinstance(images, str | Path):
        return find_pictures(images)
    if isinstance(images, Mapping):
        return [Picture(str(name), dict(versions)) for name, versions in images.items()]
    return list(images)


def encode(image: Array | Path, budget: int) -> tuple[str, int, int] | None:
    """Encode an image small enough: as PNG, else as JPEG at falling quality, then at half size, and so on.

    Args:
        image: (H, W) or (H, W, 3) in RGB, 0 to 255, or a file; a PNG file that fits is taken unchanged.
        budget: Characters that the data URI may have.

    Returns:
        The data URI, width and height in pixels; None where the image does not fit or cannot be read.
    """
    most_bytes = (budget - 40) * 3 // 4  # before base64
    whole = _fitting_png(image, most_bytes)
    if whole is not None:
        return whole
    pixels = _read(image)
    if pixels is None:
        return None
    longest = max(pixels.shape[:2])
    if longest > LONGEST:
        pixels = _shrink(pixels, LONGEST / longest)
    try_png = not isinstance(image, Path) or longest > LONGEST or Path(image).suffix.lower() != ".png"
    while min(pixels.shape[:2]) >= 1:
        height, width = pixels.shape[:2]
        forms: list[tuple[str, list[int]]] = [(".jpg", [cv2.IMWRITE_JPEG_QUALITY, q]) for q in (95, 85, 70)]
        # a colour photograph takes one to two bytes a pixel; where a third of one cannot fit, PNG is not even tried
        if try_png and height * width < 3 * most_bytes:
            forms.insert(0, (".png", [cv2.IMWRITE_PNG_COMPRESSION, 6]))
        for kind, options in forms:
            done, data = cv2.imencode(kind, pixels, options)
            if not done:
                return None
            if len(data) <= most_bytes:
                return data_uri(data.tobytes(), "image/png" if kind == ".png" else "image/jpeg"), width, height
        if max(height, width) < 64:
            return None
        pixels = _shrink(pixels, 0.5)
    return None


def _fitting_png(image: Array | Path, most_bytes: int) -> tuple[str, int, int] | None:
    """An 8-bit PNG file small enough to go in unchanged; its size is read from its header."""
    if not isinstance(image, Path) or image.suffix.lower() != ".png":
        return None
    try:
        if image.stat().st_size > most_bytes:
            return None
        data = image.read_bytes()
    except OSError:
        return None
    if data[:8] != b"\x89PNG\r\n\x1a\n" or len(data) < 33 or data[24] != 8:
        return None
    width, height = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    return (data_uri(data, "image/png"), width, height) if max(width, height) <= LONGEST else None


def data_uri(data: bytes, kind: str) -> str:
    """Bytes of a media type, such as "image/png", as a data URI."""
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"


def _read(image: Array | Path) -> Array | None:
    """8-bit BGR or grey, as OpenCV wants it; an unreadable file is None."""
    if isinstance(image, Path):
        try:
            data = np.frombuffer(image.read_bytes(), dtype=np.uint8)
        except OSError:
            return None
        found = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
        if found is None:
            return None
        if found.dtype != np.uint8:
            found = (found / 257).round().astype(np.uint8)
        return found[..., :3] if found.ndim == 3 else found
    array = np.clip(np.rint(np.asarray(image, dtype=np.float32)), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(array[..., ::-1]) if array.ndim == 3 else array


def _shrink(pixels: Array, factor: float) -> Array:
    size = max(1, round(pixels.shape[1] * factor)), max(1, round(pixels.shape[0] * factor))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))
