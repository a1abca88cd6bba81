"""A step in several parts: a batch whose activations would not fit into memory at once is passed through in pieces.

The gradient of a mean over a batch is the mean of the gradients over equal parts of it, so the step is that of the
whole batch, up to rounding; except that batch normalisation sees one part at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import Tensor


def parts_of(batch: tuple[Tensor, Tensor], count: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Equal parts of a batch (degraded, target), in order; the batch itself where there is one part.

    Args:
        batch: ``count`` times ``data.batch`` images.
        count: ``train.accumulate``.
    """
    if count == 1:
        yield batch
        return
    size = batch[0].shape[0] // count
    for first in range(0, size * count, size):
        yield batch[0][first : first + size], batch[1][first : first + size]


def mean_of(values: Sequence[float]) -> float:
    """The mean of some numbers; of one it is that number."""
    return sum(values) / len(values)


def means_of(values: Sequence[dict[str, float]]) -> dict[str, float]:
    """Mean of each of several numbers by name, which have the same names in all parts."""
    return values[0] if len(values) == 1 else {name: mean_of([v[name] for v in values]) for name in values[0]}
