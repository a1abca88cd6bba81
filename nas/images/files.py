"""Reading and writing images: RGB order, 8 or 16 bits, grey stays (H, W). What nobody can mean is refused.

Pillow reads headers and 8-bit files and notices truncation. OpenCV, which returns half an image for a truncated
file, decodes only the 16-bit files that Pillow would silently cut to 8 bits, after Pillow has read them whole.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError

from nas.errors import NasError, UsageError
from nas.files import replacing
from nas.images.orientation import exif_orientation, turned

Array = NDArray[Any]

#: endings of the files that are written, without loss except for JPEG
WRITTEN = frozenset({".png", ".bmp", ".jpg", ".jpeg", ".tif", ".tiff", ".ppm", ".pgm"})
#: endings of the files that are read
SUFFIXES = WRITTEN | {".webp", ".jfif"}


@dataclass(frozen=True)
class ImageInfo:
    """What the header of an image file says.

    Attributes:
        height: In pixels, of the image as it is to be seen: turned as its EXIF orientation says.
        width: In pixels, likewise.
        channels: 1 (grey) or 3 (RGB; a palette counts as such).
        bits: Of each value, 8 or 16.
        palette: Whether the file holds indices into a palette.
        orientation: The EXIF orientation by which the stored pixels are still to be turned, 1 to 8; 1 for none.
    """

    height: int
    width: int
    channels: int
    bits: int = 8
    palette: bool = False
    orientation: int = 1


def is_image_name(path: Path) -> bool:
    """Whether a file bears a name that ``read_image`` is meant for; hidden files do not."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def image_info(path: str | Path) -> ImageInfo:
    """Size and kind from the header alone, cheap enough to ask of every file of a data set.

    Raises:
        NasError: As for ``read_image``, except for damage behind the header.
    """
    path = Path(path)
    with opened(path) as image:
        return info_of(image, path)


def read_image(path: str | Path) -> Array:
    """Decode an image file.

    Returns:
        (H, W, 3) RGB or (H, W) grey, uint8 or uint16; a palette is expanded to RGB, and the image is turned as its
        EXIF orientation says, whatever its format.

    Raises:
        NasError: The file is missing, empty, truncated or no image, has an alpha channel, is CMYK, holds several
            frames or has neither 8 nor 16 bits; the message names it.
    """
    return read_with_info(path)[1]


def read_with_info(path: str | Path) -> tuple[ImageInfo, Array]:
    """What ``image_info`` and ``read_image`` return, from a file that is opened once.

    Raises:
        NasError: As for ``read_image``.
    """
    path = Path(path)
    with opened(path) as image:
        info = info_of(image, path)
        load(image, path)
        if info.bits == 8:
            mode = "RGB" if info.channels == 3 else "L"
            pixels = np.array(image if image.mode == mode else image.convert(mode))
            return info, checked(turned(pixels, info.orientation), info, path)
    return info, _decode_16_bit(path, info)


def write_image(path: str | Path, image: Array) -> Path:
    """Write an image in the format of the suffix; the file appears whole or not at all.

    Args:
        path: The file; its folder is made where it is missing.
        image: (H, W) or (H, W, 3) RGB; uint8, uint16 (PNG and TIFF alone), or floats that are rounded and clipped to
            0..255.

    Returns:
        The path.

    Raises:
        UsageError: Another shape, type or suffix.
        NasError: The image cannot be encoded.
    """
    import cv2

    path = Path(path)
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3) or 0 in image.shape:
        raise UsageError(f"cannot write shape {image.shape} to {str(path)!r}; an image is (H, W) or (H, W, 3)")
    if np.issubdtype(image.dtype, np.floating):
        image = to_uint8(image)
    if image.dtype not in (np.uint8, np.uint16):
        raise UsageError(f"cannot write type {image.dtype} to {str(path)!r}; use uint8, uint16 or float in 0..255")
    if path.suffix.lower() not in WRITTEN:
        raise UsageError(f"unknown image suffix in {str(path)!r}; use .png")
    if image.dtype == np.uint16 and path.suffix.lower() not in (".png", ".tif", ".tiff"):
        raise UsageError(f"{path.suffix} files hold 8 bits, so 16 cannot be written to {str(path)!r}; use .png")
    bgr = np.ascontiguousarray(image[..., ::-1]) if image.ndim == 3 else image
    done, data = cv2.imencode(path.suffix.lower(), bgr)
    if not done:
        raise NasError(f"could not encode {str(path)!r} as {path.suffix}; use .png")
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        partial.write_bytes(data.tobytes())
    return path


def to_uint8(image: Array) -> Array:
    """An image as uint8: floats on 0..255 are rounded half up and clipped, 16 bits divided by 257 first."""
    if image.dtype == np.uint8:
        return image
    values = image / 257.0 if image.dtype == np.uint16 else image.astype(np.float64)
    return np.clip(np.floor(values + 0.5), 0, 255).astype(np.uint8)


def to_luma(image: Array) -> Array:
    """The Y plane of an RGB image (ITU-R BT.601).

    Args:
        image: (H, W, 3) RGB in 0..255.

    Returns:
        (H, W) float64 in 16..235, not rounded.
    """
    rgb = image.astype(np.float64)
    return 16.0 + (65.481 * rgb[..., 0] + 128.553 * rgb[..., 1] + 24.966 * rgb[..., 2]) / 255.0


def opened(path: Path) -> ImageFile.ImageFile | Image.Image:
    """Open an image file with Pillow, without decoding it.

    Raises:
        NasError: It is missing, empty, a folder or no image.
    """
    try:
        if path.is_dir():
            raise NasError(f"{str(path)!r} is a folder, not an image; give the path of one file")
        if path.stat().st_size == 0:
            raise NasError(f"image {str(path)!r} is empty (zero bytes); fetch the file again")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a large size or odd metadata is no reason to talk
            return Image.open(path)
    except FileNotFoundError as error:
        raise NasError(f"image {str(path)!r} does not exist; check the path") from error
    except PermissionError as error:
        raise NasError(f"image {str(path)!r} cannot be read; change its permissions") from error
    except UnidentifiedImageError as error:
        raise NasError(f"{str(path)!r} is not an image in a known format; remove it or give a PNG") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise NasError(f"image {str(path)!r} cannot be opened ({error}); fetch the file again") from error


def has_alpha(image: Image.Image) -> bool:
    """Whether an opened image has an alpha channel, or a colour that counts as transparent."""
    return image.mode in ("LA", "RGBA", "PA", "La", "RGBa") or "transparency" in image.info


def info_of(image: Image.Image, path: Path, alpha: bool = False) -> ImageInfo:
    """What the header of an opened image says.

    Args:
        image: Not loaded yet.
        path: The same file.
        alpha: Whether it may have an alpha channel, which is not counted among the channels.

    Raises:
        NasError: It is of a kind that is not read.
    """
    mode, name = image.mode, repr(str(path))
    if has_alpha(image):
        if not alpha:
            raise NasError(f"image {name} has an alpha channel; flatten it onto a background first")
        mode = {"LA": "L", "La": "L", "PA": "P", "RGBA": "RGB", "RGBa": "RGB"}.get(mode, mode)
    if mode in ("CMYK", "YCCK") or (mode == "LAB"):
        raise NasError(f"image {name} is in {mode} colours; convert it to RGB first")
    if getattr(image, "n_frames", 1) > 1:
        raise NasError(f"image {name} contains several frames; save the one that is meant on its own")
    bits = 16 if mode.startswith("I;16") or ";16" in _stored_mode(image) else 8  # Pillow cuts 16-bit RGB to 8 silently
    if (mode in ("I", "F") and bits == 8) or mode not in (
        "1",
        "L",
        "P",
        "RGB",
        "YCbCr",
        "I",
        "I;16",
        "I;16B",
        "I;16L",
    ):
        raise NasError(f"image {name} has pixels of kind {mode!r}; convert it to 8 or 16 bits, grey or RGB")
    channels = 1 if mode in ("1", "L") or mode.startswith("I") else 3
    orientation = exif_orientation(image, path)
    height, width = (image.height, image.width) if orientation < 5 else (image.width, image.height)
    return ImageInfo(height, width, channels, bits, palette=mode == "P", orientation=orientation)


def load(image: Image.Image, path: Path) -> None:
    """Decode an opened image whole; NasError where it is damaged."""
    try:
        image.load()
    except (OSError, SyntaxError, ValueError) as error:
        raise NasError(f"image {str(path)!r} is damaged or truncated ({error}); fetch the file again") from error


def checked(pixels: Array, info: ImageInfo, path: Path) -> Array:
    """The pixels, if they measure what their header says; else NasError."""
    if pixels.shape[:2] != (info.height, info.width):  # a header and its pixels that disagree must not pass unseen
        raise NasError(f"image {str(path)!r} does not measure what its header says; save it again as a PNG")
    return pixels


def _stored_mode(image: Image.Image) -> str:
    """How the decoder is told that the file holds its pixels, e.g. "RGB;16B"; the rest of what it is told are sizes."""
    tiles = getattr(image, "tile", None)
    told = tiles[0][3] if tiles else ""
    mode = told[0] if isinstance(told, tuple) and told else told
    return mode if isinstance(mode, str) else ""


def _decode_16_bit(path: Path, info: ImageInfo) -> Array:
    image = stored_16_bit(path)
    image = turned(image, info.orientation)
    return checked(np.ascontiguousarray(image[..., ::-1]) if image.ndim == 3 else image, info, path)


def stored_16_bit(path: Path) -> Array:
    """The pixels of a 16-bit file as OpenCV decodes them: (H, W), or blue, green, red and maybe alpha.

    Raises:
        NasError: It cannot be decoded.
    """
    import cv2

    image: Array | None = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None or image.dtype != np.uint16:
        raise NasError(f"16-bit image {str(path)!r} could not be decoded; save it as a 16-bit PNG")
    return image
