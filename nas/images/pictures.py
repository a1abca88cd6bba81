"""Pictures of people's own: pixels with what files carry beside them, namely alpha, colour profile and EXIF.

Everything that trains or measures reads plain images (``nas.images.files``); a picture is read to be written again.
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from nas.errors import NasError, UsageError
from nas.files import replacing
from nas.images.files import ImageInfo, checked, has_alpha, info_of, load, opened, stored_16_bit, to_uint8
from nas.images.orientation import turned

Array = NDArray[Any]

#: ending of a written picture -> its longest side in pixels
LONGEST_SIDES = {".png": 2**31 - 1, ".jpg": 65_500, ".webp": 16_383}


@dataclass(frozen=True)
class Picture:
    """An image and what its file carries beside the pixels.

    Attributes:
        pixels: (H, W) grey or (H, W, 3) RGB, uint8 or uint16, turned as it is to be seen.
        alpha: (H, W) of the same type, 0 where the picture is transparent; None without.
        icc: The colour profile, as stored; empty without.
        exif: As stored but without orientation, which the pixels follow already, and preview; empty without.
    """

    pixels: Array
    alpha: Array | None = None
    icc: bytes = b""
    exif: bytes = b""


def picture_info(path: str | Path) -> ImageInfo:
    """Size and kind of a picture from the header alone; alpha is not counted among the channels.

    Raises:
        NasError: As for ``read_picture``, except for damage behind the header.
    """
    path = Path(path)
    with opened(path) as image:
        return info_of(image, path, alpha=True)


def read_picture(path: str | Path) -> Picture:
    """Decode an image file with all that it carries.

    Raises:
        NasError: The file is missing, empty, truncated or no image, is CMYK, holds several frames or has neither 8 nor
            16 bits; the message names it.
    """
    path = Path(path)
    with opened(path) as image:
        info = info_of(image, path, alpha=True)
        alpha = has_alpha(image)
        load(image, path)
        icc, exif = image.info.get("icc_profile"), _exif(image)
        if info.bits == 8:
            mode = ("RGB" if info.channels == 3 else "L") + ("A" if alpha else "")
            array = np.array(image if image.mode == mode else image.convert(mode))
            array = array[..., None] if array.ndim == 2 else array
        else:
            array = _rgb_first(stored_16_bit(path))
        array = checked(turned(array, info.orientation), info, path)
    alpha = alpha and array.shape[2] in (2, 4)
    colours = array[..., : info.channels]
    pixels = colours if info.channels == 3 else colours[..., 0]
    return Picture(
        np.ascontiguousarray(pixels),
        np.ascontiguousarray(array[..., -1]) if alpha else None,
        icc if isinstance(icc, bytes) else b"",
        exif,
    )


def write_picture(path: str | Path, picture: Picture, quality: int = 95) -> Path:
    """Write a picture in the format of the suffix; the file appears whole or not at all.

    Args:
        path: A file .png (8 or 16 bits, without loss), .jpg or .webp (8 bits); its folder is made where it is missing.
        picture: 16 bits become 8 for a format that holds no more. The EXIF's own record of the size follows the pixels.
        quality: Of JPEG and WebP, 1 to 100.

    Returns:
        The path.

    Raises:
        UsageError: Another suffix; alpha for a JPEG; a picture larger than the format takes.
        NasError: It cannot be encoded or written.
    """
    path, pixels = Path(path), picture.pixels
    suffix = path.suffix.lower()
    if suffix not in LONGEST_SIDES:
        raise UsageError(f"unknown suffix of a picture in {str(path)!r}; use {', '.join(LONGEST_SIDES)}")
    if max(pixels.shape[:2]) > LONGEST_SIDES[suffix]:
        raise UsageError(
            f"{str(path)!r} would measure {pixels.shape[1]} x {pixels.shape[0]}, and a {suffix} file takes sides up to "
            f"{LONGEST_SIDES[suffix]}; write a PNG"
        )
    if suffix == ".jpg" and picture.alpha is not None:
        raise UsageError(f"{str(path)!r} cannot contain the alpha channel of the picture; write a PNG or WebP")
    exif = _resized_exif(picture.exif, pixels.shape[1], pixels.shape[0])
    png = suffix == ".png"
    encoded: Any = _png(picture, exif, path) if png else _lossy(picture, exif, suffix, quality, path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        partial.write_bytes(encoded)
    return path


def _rgb_first(array: Array) -> Array:
    """(H, W, C) in the order red, green, blue, alpha of what OpenCV decodes."""
    if array.ndim == 2:
        return array[..., None]
    order = {3: (2, 1, 0), 4: (2, 1, 0, 3)}.get(array.shape[2])
    return array if order is None else np.ascontiguousarray(array[..., order])


def _planes(picture: Picture) -> Array:
    """(H, W) or (H, W, C), alpha last; grey is repeated beside alpha, since not every encoder takes two channels."""
    if picture.alpha is None:
        return picture.pixels
    colours = picture.pixels if picture.pixels.ndim == 3 else np.repeat(picture.pixels[..., None], 3, axis=2)
    return np.dstack([colours, picture.alpha])


def _png(picture: Picture, exif: bytes, path: Path) -> Array:
    import cv2

    planes = _planes(picture)
    if planes.ndim == 3:
        planes = cv2.cvtColor(planes, cv2.COLOR_RGB2BGR if planes.shape[2] == 3 else cv2.COLOR_RGBA2BGRA)
    done, data = cv2.imencode(".png", planes)
    if not done:
        raise NasError(f"could not encode {str(path)!r} as PNG")
    chunks = b""
    if picture.icc:
        chunks += _chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(picture.icc))
    if exif:
        chunks += _chunk(b"eXIf", exif.removeprefix(b"Exif\0\0"))
    if not chunks:
        return np.asarray(data)
    header = 8 + 25  # the signature and IHDR, which always comes first
    return np.concatenate([data[:header], np.frombuffer(chunks, np.uint8), data[header:]])


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _lossy(picture: Picture, exif: bytes, suffix: str, quality: int, path: Path) -> bytes:
    planes = to_uint8(_planes(picture))
    stream = io.BytesIO()
    extra: dict[str, Any] = {"icc_profile": picture.icc} if picture.icc else {}
    if exif:
        extra["exif"] = exif
    if suffix == ".jpg":
        extra["subsampling"] = 0 if quality >= 90 else -1
    try:
        Image.fromarray(planes).save(stream, {".jpg": "JPEG", ".webp": "WEBP"}[suffix], quality=quality, **extra)
    except (OSError, ValueError) as error:
        raise NasError(f"could not encode {str(path)!r} ({error}); write a PNG") from error
    return stream.getvalue()


def _exif(image: Image.Image) -> bytes:
    """The EXIF of a loaded image without orientation and preview; empty where there is none or it is malformed."""
    try:
        exif = image.getexif()
        exif.pop(ExifTags.Base.Orientation, None)
        return exif.tobytes() if len(exif) else b""
    except Exception:  # cameras write all sorts of things; a picture is worth more than its notes
        return b""


def _resized_exif(content: bytes, width: int, height: int) -> bytes:
    """EXIF whose own record of the size, where it has one, is that of the written picture."""
    if not content:
        return b""
    try:
        exif = Image.Exif()
        exif.load(content)
        inner = exif.get_ifd(ExifTags.IFD.Exif)
        for tag, value in ((ExifTags.Base.ExifImageWidth, width), (ExifTags.Base.ExifImageHeight, height)):
            if tag in inner:
                inner[tag] = value
        return exif.tobytes()
    except Exception:  # as above
        return content
