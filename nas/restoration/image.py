"""One image, in whatever form a program has it: array, tensor, Pillow image or path."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor, nn

from nas.errors import UsageError
from nas.evaluation.image_arrays import DataRange, on_255
from nas.images.pictures import Picture, read_picture
from nas.restoration.options import RestorationOptions
from nas.restoration.restorer import Array, Restorer
from nas.train.loading import load


def restore(model: nn.Module | str | Path, image: Any, data_range: DataRange = None, **options: Any) -> Any:
    """Restore one image.

    Args:
        model: A network with a descriptor, as ``nas.load`` gives it, or the path of a weights file or run folder. To
            restore many images, give what ``nas.models.optimize(network)`` returns, which is otherwise done each time.
        image: A path; a Pillow image; an array (H, W) or (H, W, C), of uint8, uint16 or floats; or a tensor (C, H, W)
            or (1, C, H, W). A channel beyond grey or RGB is alpha, which is restored apart from the colours.
        data_range: Of floats: the highest value, where that is not 255, or (lowest, highest).
        options: Fields of ``RestorationOptions``, e.g. ``device="cuda", tile=256, ensemble=True``.

    Returns:
        In the form of the image, its sides multiplied by the scale of the network: a Pillow image, or a tensor on the
        same device, or an array (for a path too, (H, W[, C]) of uint8 or uint16). Whole numbers are rounded, floats
        are not; all are within the range.

    Raises:
        UsageError: An option makes no sense, the model has no descriptor, or it does not take such an image.
        NasError: The file cannot be read, or the network gave values that are not finite.
    """
    network = load(model) if isinstance(model, str | Path) else model
    restorer = Restorer(network, RestorationOptions.from_keywords(options))
    if isinstance(image, str | Path):
        return _stacked(restorer.pictures([read_picture(image)])[0])
    if isinstance(image, Image.Image):
        return _pillow(restorer, image)
    if isinstance(image, Tensor):
        return _tensor(restorer, image, data_range)
    return _array(restorer, np.asarray(image), data_range)


def _pillow(restorer: Restorer, image: Image.Image) -> Image.Image:
    turned = ImageOps.exif_transpose(image)
    alpha = turned.mode in ("LA", "RGBA", "PA") or "transparency" in turned.info
    grey = turned.mode in ("1", "L", "LA")
    if turned.mode not in ("1", "L", "LA", "P", "PA", "RGB", "RGBA"):
        raise UsageError(f"a Pillow image of mode {turned.mode!r} is not restored; convert it to RGB or L")
    values = np.asarray(turned.convert(("L" if grey else "RGB") + ("A" if alpha else "")))
    made = Image.fromarray(_stacked(restorer.pictures([_parts(values)])[0]))
    made.info = {key: value for key, value in turned.info.items() if key in ("icc_profile", "exif", "dpi")}
    return made


def _tensor(restorer: Restorer, image: Tensor, data_range: DataRange) -> Tensor:
    if image.dim() not in (3, 4) or (image.dim() == 4 and image.shape[0] != 1):
        raise UsageError(f"a tensor of shape {tuple(image.shape)} is no image; give (C, H, W) or (1, C, H, W)")
    plain = image[0] if image.dim() == 4 else image
    made = _array(restorer, plain.detach().cpu().movedim(0, -1).numpy(), data_range)
    result = torch.from_numpy(np.ascontiguousarray(made)).movedim(-1, 0).contiguous()
    result = result.to(device=image.device, dtype=image.dtype)
    return result[None] if image.dim() == 4 else result


def _array(restorer: Restorer, image: Array, data_range: DataRange) -> Array:
    if image.ndim not in (2, 3) or 0 in image.shape or (image.ndim == 3 and image.shape[2] > 4):
        raise UsageError(f"an array of shape {image.shape} is no image; give (H, W) or (H, W, C)")
    if image.dtype in (np.uint8, np.uint16):
        return _stacked(restorer.pictures([_parts(image)])[0], image.ndim)
    low, high = (0.0, data_range or 255.0) if not isinstance(data_range, tuple) else data_range
    colours, alpha = (image, None) if image.ndim == 2 or image.shape[2] in (1, 3) else (image[..., :-1], image[..., -1])
    (values,) = on_255([colours], data_range)
    planes = [values] if alpha is None else [values, (alpha[..., None] - low) * (255.0 / (high - low))]
    stacked = np.concatenate(planes, axis=2).astype(np.float32)
    picture = restorer.pictures([_parts(stacked)])[0]
    made = _stacked(picture, 3).astype(np.float64) * ((high - low) / 255.0) + low
    return made.astype(image.dtype).reshape(*made.shape[:2], *image.shape[2:])


def _parts(image: Array) -> Picture:
    """(H, W[, C]) as pixels and alpha."""
    if image.ndim == 3 and image.shape[2] in (2, 4):
        colours = image[..., 0] if image.shape[2] == 2 else image[..., :3]
        return Picture(colours, image[..., -1])
    return Picture(image)


def _stacked(picture: Picture, dimensions: int = 2) -> Array:
    """(H, W) or (H, W, C), with alpha as the last channel; three dimensions also of grey, if asked for."""
    pixels = picture.pixels
    if picture.alpha is not None:
        return np.dstack([pixels, picture.alpha])
    return pixels[..., None] if dimensions == 3 and pixels.ndim == 2 else pixels
