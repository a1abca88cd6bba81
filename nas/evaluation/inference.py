"""Running a network on an image of any size: value range, channel order, padding, tiles, self-ensemble."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import chain

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas.errors import NasError, UsageError
from nas.models.calling import allowed_size, descriptor_of, evaluating, final_image
from nas.models.descriptor import ModelDescriptor
from nas.signals import stop_if_asked


def check_tile(tile: int | None, overlap: int) -> None:
    """Raise UsageError unless ``tile`` (None: whole images) and ``overlap`` are possible sizes in input pixels."""
    if (tile is not None and tile < 1) or overlap < 0:
        raise UsageError(f"tile {tile} and overlap {overlap} are not sizes; give tile >= 1 and overlap >= 0")


def restore(
    model: nn.Module,
    degraded: Tensor,
    device: torch.device | str | None = None,
    tile: int | None = None,
    overlap: int = 32,
    ensemble: bool = False,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Restore one image, or several of equal size.

    As the descriptor of the model says, values are scaled, the channel order is reversed, and the image is padded at
    the right and bottom (mirrored, or repeated where it is too small to mirror) to a size that the network takes; the
    result is cropped.

    Args:
        model: A network with a descriptor; its training flags are restored afterwards.
        degraded: (C, H, W) or (N, C, H, W) on 0..255.
        device: The model is moved to it and stays there; None runs it where it is.
        tile: Side of tiles in input pixels; None runs the whole image at once. Tiles are cut out with context around
            them, which is discarded from the result. Where the receptive radius of the network is no larger than
            ``overlap``, the result is exactly that of the whole image; global pooling makes it differ a little.
        overlap: Context on each side of a tile in input pixels.
        ensemble: Average over the eight flips and quarter turns (x8 self-ensemble).
        dtype: bfloat16 and float16 run under autocast; float64 needs a model of that type.

    Returns:
        A tensor of the same layout with sides multiplied by the scale, float32 on 0..255, *not* clamped, on the device
        of ``degraded``.

    Raises:
        UsageError: The tensor holds no images, or they have another number of channels than the network takes.
        NasError: The output has another size than the descriptor says.
    """
    descriptor = descriptor_of(model)
    batch = degraded if degraded.dim() == 4 else degraded[None]
    if batch.dim() != 4 or 0 in batch.shape:
        raise UsageError(f"restore takes images (C, H, W) or (N, C, H, W); got {tuple(degraded.shape)}")
    if batch.shape[1] != descriptor.channels:
        raise UsageError(
            f"{descriptor.name} takes {descriptor.channels} channel(s), the image has {batch.shape[1]}; "
            "convert the image or choose another model"
        )
    check_tile(tile, overlap)
    if device is not None:
        model.to(device)
    target = torch.device(device) if device is not None else _device_of(model, batch.device)
    reduced = dtype in (torch.bfloat16, torch.float16)
    work = torch.float32 if reduced else dtype
    x = batch.to(device=target, dtype=work)
    with (
        evaluating(model),
        torch.inference_mode(),
        torch.autocast(target.type, dtype=dtype) if reduced else nullcontext(),
    ):
        if ensemble:
            total: Tensor | None = None
            for turns in range(4):
                for flip in (False, True):
                    y = _undo(_padded(model, descriptor, _turn(x, turns, flip), tile, overlap), turns, flip)
                    total = y if total is None else total + y
            assert total is not None  # eight terms
            result = total / 8
        else:
            result = _padded(model, descriptor, x, tile, overlap)
    result = result.to(device=batch.device, dtype=work)
    # out of inference mode, so that a caller may train on it; the tiles of a large image lie outside of it already
    result = result.clone() if result.is_inference() or result.data_ptr() == batch.data_ptr() else result
    return result if degraded.dim() == 4 else result[0]


def _padded(model: nn.Module, d: ModelDescriptor, x: Tensor, tile: int | None, overlap: int) -> Tensor:
    """Pad to an allowed size, run, crop. x (N, C, H, W) -> (N, C, s H, s W)."""
    height, width = x.shape[-2:]
    x = pad_to(x, d.size_multiple, d.min_size)
    y = _forward(model, d, x) if tile is None else _tiled(model, d, x, tile, overlap)
    return y[..., : height * d.scale, : width * d.scale]


def pad_to(x: Tensor, multiple: int, least: int = 1) -> Tensor:
    """Pad (N, C, H, W) at the right and bottom to multiples of ``multiple``, but no less than ``least``."""
    for axis in (-2, -1):
        size = x.shape[axis]
        extra = allowed_size(size, multiple, least) - size
        if extra:
            padding = (0, extra, 0, 0) if axis == -1 else (0, 0, 0, extra)
            x = F.pad(x, padding, mode="reflect" if extra < size else "replicate")
    return x


@dataclass(frozen=True)
class Tile:
    """A tile of an image, in input pixels.

    Attributes:
        rows: First row, and the row after the last.
        columns: Likewise.
        seen_rows: The rows that the network is given for it, with context.
        seen_columns: Likewise.
    """

    rows: tuple[int, int]
    columns: tuple[int, int]
    seen_rows: tuple[int, int]
    seen_columns: tuple[int, int]

    def cut(self, restored: Tensor, scale: int) -> Tensor:
        """What belongs to the tile of the network's output (..., H, W) for what it was given."""
        top, left = self.rows[0] - self.seen_rows[0], self.columns[0] - self.seen_columns[0]
        height, width = self.rows[1] - self.rows[0], self.columns[1] - self.columns[0]
        return restored[..., top * scale : (top + height) * scale, left * scale : (left + width) * scale]


def tiles_of(height: int, width: int, tile: int, overlap: int, d: ModelDescriptor) -> Iterator[Tile]:
    """The tiles in which an image is restored, row by row.

    Args:
        height: Of the input in pixels.
        width: Likewise.
        tile: Side of the tiles, rounded up to an allowed size.
        overlap: Context on each side, likewise.
        d: Of the network.
    """
    tile, overlap = allowed_size(tile, d.size_multiple), allowed_size(overlap, d.size_multiple, 0)
    for top, seen_rows in _spans(height, tile, overlap, d):
        for left, seen_columns in _spans(width, tile, overlap, d):
            stop_if_asked()
            rows, columns = (top, min(top + tile, height)), (left, min(left + tile, width))
            yield Tile(rows, columns, seen_rows, seen_columns)


def _tiled(model: nn.Module, d: ModelDescriptor, x: Tensor, tile: int, overlap: int) -> Tensor:
    s, (height, width) = d.scale, x.shape[-2:]
    result: Tensor | None = None
    for t in tiles_of(height, width, tile, overlap, d):
        piece = _forward(model, d, x[..., slice(*t.seen_rows), slice(*t.seen_columns)])
        if result is None:
            with torch.inference_mode(False):
                size = (*piece.shape[:2], height * s, width * s)
                result = torch.empty(size, dtype=piece.dtype, device=piece.device)
        result[..., t.rows[0] * s : t.rows[1] * s, t.columns[0] * s : t.columns[1] * s] = t.cut(piece, s)
    assert result is not None  # an image has at least one tile
    return result


def _spans(size: int, tile: int, overlap: int, d: ModelDescriptor) -> Iterator[tuple[int, tuple[int, int]]]:
    """Start of each tile along one side, and the range of the input that is run for it."""
    least = allowed_size(1, d.size_multiple, d.min_size)
    for start in range(0, size, tile):
        first, last = max(start - overlap, 0), min(start + tile + overlap, size)
        if last - first < least:  # a narrow tile gets more context at its left, or at the left edge at its right
            first = max(last - least, 0)
            last = min(max(last, first + least), size)
        yield start, (first, last)


def _forward(model: nn.Module, d: ModelDescriptor, x: Tensor) -> Tensor:
    height, width = x.shape[-2:]
    if d.colour_order == "bgr":
        x = x.flip(1)
    if d.value_range != 255.0:
        x = x * (d.value_range / 255.0)
    y = final_image(model(x))
    if tuple(y.shape[-2:]) != (height * d.scale, width * d.scale):
        raise NasError(
            f"{d.name} made {y.shape[-2]} x {y.shape[-1]} from {height} x {width}, "
            f"but declares scale {d.scale}; correct its descriptor"
        )
    y = y.float() if y.dtype in (torch.bfloat16, torch.float16) else y
    if d.value_range != 255.0:
        y = y * (255.0 / d.value_range)
    return y.flip(1) if d.colour_order == "bgr" else y


def _turn(x: Tensor, turns: int, flip: bool) -> Tensor:
    x = torch.rot90(x, turns, (-2, -1))
    return x.flip(-1) if flip else x


def _undo(y: Tensor, turns: int, flip: bool) -> Tensor:
    return torch.rot90(y.flip(-1) if flip else y, -turns, (-2, -1))


def _device_of(model: nn.Module, default: torch.device) -> torch.device:
    for tensor in chain(model.parameters(), model.buffers()):
        return tensor.device
    return default
