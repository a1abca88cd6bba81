"""Restores images in memory: whole or in tiles as memory allows, in the number type and layout in which they came.

A large image never exists in floating point: each tile is rounded into the result before the next one is computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from nas.errors import NasError, UsageError
from nas.evaluation.inference import restore, tiles_of
from nas.evaluation.metrics import LUMA
from nas.evaluation.runner import form_of
from nas.evaluation.scoring import to_tensor
from nas.evaluation.tiles import AMPLE, smaller_tiles, tile_for
from nas.images.pictures import Picture
from nas.machine import check_device
from nas.models.calling import descriptor_of
from nas.profiling.forward import DTYPES
from nas.profiling.memory import free_bytes, is_out_of_memory
from nas.restoration.options import RestorationOptions

Array = npt.NDArray[Any]

#: number type of an image -> its peak value; images of floating point are on 0..255
_PEAKS = {"uint8": 255.0, "uint16": 65535.0, "float32": 255.0}
#: pixels of an input from which it is restored within ``_CEILING`` bytes on a CPU, however much is free: a photograph
#: larger than any benchmark image, for which larger tiles gain nothing
_LARGE = 2**22
_CEILING = 4 * 2**30
#: copies of the result that lie in memory beside the network's tensors while it is made and encoded
_COPIES = 4
#: share of the memory that is left to the network however large the image is
_LEAST = 0.125


class Restorer:
    """A network, ready to restore images.

    Args:
        model: A network with a descriptor, or one that ``nas.models.optimize`` made of it; it is moved to the device.
        options: How.

    Attributes:
        descriptor: Of the network.
        options: As given, "auto" replaced by the device that was found.

    Raises:
        UsageError: The model has no descriptor.
        NasError: It cannot be optimised exactly.
    """

    def __init__(self, model: nn.Module, options: RestorationOptions | None = None) -> None:
        chosen = options or RestorationOptions()
        self.options = replace(chosen, device=check_device(chosen.device))
        self.descriptor = descriptor_of(model)
        self._model = model
        # moved once: to look through all tensors again for each image would take a tenth of a small one's time
        self._form = form_of(model, self.options.dtype, self.options.plain).to(self.options.device)
        self._tiles: dict[tuple[int, int], int | None] = {}

    def pictures(self, pictures: Sequence[Picture]) -> list[Picture]:
        """Restore pictures of equal size and number type; profile and EXIF stay.

        Alpha is restored apart from the colours, as a grey image, by a network that enlarges; else it stays.
        """
        results = self.images([picture.pixels for picture in pictures])
        return [
            replace(picture, pixels=pixels, alpha=None if picture.alpha is None else self._alpha(picture.alpha))
            for picture, pixels in zip(pictures, results, strict=True)
        ]

    def images(self, images: Sequence[Array]) -> list[Array]:
        """Restore images of equal shape and number type.

        Args:
            images: (H, W) grey or (H, W, C); uint8, uint16, or float32 on 0..255. A grey image is repeated for a
                network that takes colour, and is grey again afterwards.

        Returns:
            Of the same type, the sides multiplied by the scale, rounded (but for floats) and within the range.

        Raises:
            UsageError: The network does not take images of that many channels.
            NasError: The network gave values that are not finite.
        """
        first = images[0]
        self._check(first)
        height, width = first.shape[:2]
        tile = self._tile(height, width, first)
        for attempt in (tile, *smaller_tiles(tile)):
            try:
                if attempt is None:
                    return self._whole(images)
                return [self._in_tiles(image, attempt) for image in images]
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                failure = error
            self._tiles[height, width] = next(smaller_tiles(attempt), attempt)
        raise failure

    def _check(self, image: Array) -> None:
        channels, d = 1 if image.ndim == 2 else image.shape[2], self.descriptor
        if channels not in (1, d.channels):
            raise UsageError(
                f"{d.name} takes grey images and this one has {channels} channels; convert it to grey, or choose a "
                "network for colour"
                if d.channels == 1
                else f"{d.name} takes {d.channels} channels and this image has {channels}; convert it to RGB"
            )

    def _tile(self, height: int, width: int, image: Array) -> int | None:
        if self.options.tile != "auto":
            return None if self.options.tile is None else int(self.options.tile)
        if (height, width) not in self._tiles:
            limit = self._limit(height * width, image.nbytes)
            if self.options.batch > 1:
                limit = (free_bytes(self.options.device) if limit is None else limit) // self.options.batch
            found = tile_for(
                self._model, (height, width), self.options.overlap, limit, self.options.device, ample=AMPLE
            )
            self._tiles[height, width] = found
        return self._tiles[height, width]

    def _limit(self, pixels: int, size: int) -> int | None:
        """Bytes that the network may take for an image of ``size`` bytes; None: decided by what is free."""
        limit, device = self.options.memory, torch.device(self.options.device)
        if device.type != "cpu" or (limit is None and pixels < _LARGE):
            return limit
        limit = min(free_bytes(device), _CEILING) if limit is None else limit
        # the image and its result lie in the same memory
        return max(limit - size * (1 + _COPIES * self.descriptor.scale**2), int(limit * _LEAST))

    def _whole(self, images: Sequence[Array]) -> list[Array]:
        batch = torch.cat([self._input(image) for image in images])
        return [self._output(y, images[0]) for y in self._run(batch)]

    def _in_tiles(self, image: Array, tile: int) -> Array:
        """One image, tile after tile."""
        s, (height, width) = self.descriptor.scale, image.shape[:2]
        result = np.empty((height * s, width * s, *image.shape[2:]), image.dtype)
        for t in tiles_of(height, width, tile, self.options.overlap, self.descriptor):
            seen = image[slice(*t.seen_rows), slice(*t.seen_columns)]
            made = self._output(t.cut(self._run(self._input(seen))[0], s), image)
            result[t.rows[0] * s : t.rows[1] * s, t.columns[0] * s : t.columns[1] * s] = made
        return result

    def _input(self, image: Array) -> Tensor:
        scale = 255.0 / _PEAKS[image.dtype.name]
        tensor = to_tensor(image, self.descriptor.channels)
        return tensor if scale == 1 else tensor * scale

    def _run(self, batch: Tensor) -> Tensor:
        return restore(
            self._form,
            batch,
            tile=None,
            ensemble=self.options.ensemble,
            dtype=DTYPES[self.options.dtype],
        )

    def _output(self, restored: Tensor, like: Array) -> Array:
        """(C, H, W) on 0..255 as an array of the type of ``like``, grey where that is grey."""
        if not bool(torch.isfinite(restored.sum())):  # ten times as fast as to ask each value
            raise NasError("the network gave values that are not finite (NaN or infinity); try --dtype float32")
        if restored.shape[0] == 3 and (like.ndim == 2 or like.shape[2] == 1):
            weights = torch.tensor(LUMA, dtype=restored.dtype, device=restored.device)
            restored = (restored * (weights / weights.sum())[:, None, None]).sum(0, keepdim=True)
        peak = _PEAKS[like.dtype.name]
        values = (restored * (peak / 255.0) if peak != 255.0 else restored).clamp(0, peak).cpu()
        if like.dtype != np.float32:
            values = torch.floor(values + 0.5)
        array = values.numpy().astype(like.dtype)
        return array[0] if like.ndim == 2 else np.ascontiguousarray(array.transpose(1, 2, 0))

    def _alpha(self, alpha: Array) -> Array:
        s = self.descriptor.scale
        if s == 1:
            return alpha
        if alpha.min() == alpha.max():  # opaque stays opaque, whatever a network makes of a plain white
            return np.full((alpha.shape[0] * s, alpha.shape[1] * s), alpha.flat[0], alpha.dtype)
        return self.images([alpha])[0]
