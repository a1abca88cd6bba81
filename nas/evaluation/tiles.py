"""Whole images or tiles: one decision for evaluation and for validation while training."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import torch
from torch import nn

from nas.data import Pair
from nas.errors import NasError
from nas.images import image_info
from nas.profiling.memory import SHARE, free_bytes, is_out_of_memory, peak_bytes, tile_that_fits
from nas.tasks import Task

T = TypeVar("T")
#: context on each side of a tile in input pixels, unless told otherwise
OVERLAP = 32
#: inputs of fewer pixels are run whole without asking how much memory there is
SMALL = 128 * 128
#: sides of the tiles that are tried when memory runs out in spite of the estimate
RETRIES = (512, 192, 64)
#: bytes for each input pixel below which a network is taken to stay without tracing it, which takes seconds of a
#: supernet: 4,096 numbers, several times what the networks of this platform keep at once
AMPLE = 4 * 4096


def input_size(pairs: Iterable[Pair], task: Task) -> tuple[int, int] | None:
    """Height and width in pixels of the largest input that a network is given, by the headers of the files.

    Returns:
        None where a header cannot be read: reading the image will say what is wrong with it.
    """
    try:
        return max((_size(pair, task) for pair in pairs), key=math.prod, default=None)
    except NasError:
        return None


def largest(pairs: Sequence[Pair], task: Task) -> list[Pair]:
    """The pair with the largest input; [] of none.

    Raises:
        NasError: A header cannot be read.
    """
    return [max(pairs, key=lambda pair: math.prod(_size(pair, task)))] if pairs else []


def _size(pair: Pair, task: Task) -> tuple[int, int]:
    info = image_info(pair.degraded or pair.target)
    scale = 1 if pair.degraded is not None else task.scale
    width = info.width // 2 if pair.halves else info.width
    return info.height // scale, width // scale


def tile_for(
    model: nn.Module,
    size: tuple[int, int] | None,
    overlap: int = OVERLAP,
    limit: int | None = None,
    device: torch.device | str = "cpu",
    ample: int = 0,
    need: Callable[[nn.Module, int, int], int] = peak_bytes,
) -> int | None:
    """The side of the tiles in which a network restores images of up to ``size``.

    Args:
        model: A network with a descriptor.
        size: Height and width of the largest input, see ``input_size``; None is taken for small.
        overlap: Context on each side of a tile in input pixels.
        limit: Free memory in bytes; None takes what the device has.
        device: Where the network runs.
        ample: Bytes for each input pixel with which the network is not traced, if so much is free; 0 always asks.
        need: (model, height, width) -> bytes of activations.

    Returns:
        Pixels, or None: whole images fit, or are small.
    """
    if size is None or (size[0] * size[1] <= SMALL and limit is None):
        return None
    free = free_bytes(device) if limit is None else limit
    if size[0] * size[1] * ample <= free * SHARE and ample:
        return None
    try:
        return tile_that_fits(model, *size, overlap, free, need)
    except Exception:  # a network that fails even on a small image fails again when it is run, and is named there
        return None


def smaller_tiles(tile: int | None) -> Iterator[int]:
    """The tiles that are tried where memory runs out with ``tile`` (None: whole images)."""
    yield from (side for side in RETRIES if tile is None or side < tile)


class ValidationTiles:
    """Runs validations in the tiles that evaluation would take, and in smaller ones where memory runs out all the same.

    Args:
        pairs: The validation images.
        task: What they are for.
    """

    def __init__(self, pairs: Sequence[Pair], task: Task) -> None:
        self._pairs, self._task = pairs, task
        self._size: tuple[int, int] | None = None

    def __call__(self, model: nn.Module, measure: Callable[[int | None], T]) -> T:
        """What ``measure`` returns for the side of the tiles (None: whole images).

        Raises:
            Exception: Whatever ``measure`` raises; that memory ran out only with the smallest tiles.
        """
        self._size = self._size or input_size(self._pairs, self._task)
        device = next((p.device for p in model.parameters()), torch.device("cpu"))
        tile = tile_for(model, self._size, device=device, ample=AMPLE)
        attempts = [tile, *smaller_tiles(tile)]
        for attempt in attempts:
            try:
                return measure(attempt)
            except (RuntimeError, MemoryError) as error:
                if attempt == attempts[-1] or not is_out_of_memory(error):
                    raise
        raise AssertionError("the last attempt returns or raises")
