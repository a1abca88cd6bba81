"""Images as rows: (images * H * W, channels), a view of what has its channels last in memory."""

from __future__ import annotations

import torch
from torch import Tensor

#: values of a tensor that are worked on at a time, so that they stay in the cache of a core, where an operation takes a
#: quarter of its time (measured: 50,000 to 150,000 take equally long)
CACHED_VALUES = 80_000


def suits(x: Tensor) -> bool:
    """Whether a tensor is worked on as rows, a few images at a time."""
    dense = x.is_contiguous(memory_format=torch.channels_last)
    return x.device.type == "cpu" and dense and x.dtype in (torch.float32, torch.float64)


def suits_apart(x: Tensor, edges: int) -> bool:
    """Whether the edges that leave a node are worked on one by one: where their tensors together leave the cache.

    What is smaller takes less time together, since each operation has its fixed cost.
    """
    return suits(x) and edges * x.numel() > 2 * CACHED_VALUES


def rows_of(x: Tensor) -> Tensor:
    """(N, C, H, W) -> (N * H * W, C), a view where channels come last in memory."""
    return x.contiguous(memory_format=torch.channels_last).permute(0, 2, 3, 1).flatten(0, 2)


def image_of(rows: Tensor, like: Tensor) -> Tensor:
    """(M * H * W, C) -> (M, C, H, W), with the height and width of ``like``."""
    return torch.unflatten(rows, 0, (-1, *like.shape[2:])).permute(0, 3, 1, 2)


def portions(x: Tensor) -> list[tuple[slice, slice]]:
    """(images, their rows), few at a time."""
    n, c, h, w = x.shape
    each = max(1, CACHED_VALUES // (c * h * w))
    starts = range(0, n, each)
    return [(slice(i, min(i + each, n)), slice(i * h * w, min(i + each, n) * h * w)) for i in starts]


def part(x: Tensor, which: slice) -> Tensor:
    """``x[which]``; ``x`` itself where that is all of it, which saves a view."""
    return x if which.start == 0 and which.stop == x.shape[0] else x[which]
