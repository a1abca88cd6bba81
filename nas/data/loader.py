"""Batches of a range of steps, made here or by worker processes: the same ones either way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from nas.data.patches import PatchSource
from nas.errors import UsageError

if TYPE_CHECKING:
    import torch


_ENDLESS = 2**48  # steps; a range costs nothing until it is walked


class _Steps:
    """A map-style data set whose items are whole batches; a step number is all a worker is sent."""

    def __init__(self, source: PatchSource, start: int, end: int) -> None:
        self._source, self._start, self._length = source, start, end - start

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        return self._source.batch(self._start + index)


def iterate_batches(
    source: PatchSource, start: int, end: int | None = None, workers: int = 0
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """(degraded, target) of steps ``start`` to ``end`` - 1, in order; without ``end`` they never end.

    The batches are equal for any number of ``workers``. With workers the images are loaded first, so that the
    processes share them, and the processes live as long as the iterator. Raises UsageError for a negative
    count.
    """
    last = start + _ENDLESS if end is None else end
    if workers < 0 or start < 0 or last < start:
        raise UsageError(f"cannot load steps {start} to {end} with {workers} workers; none may be negative")
    if workers == 0:
        for step in range(start, last):
            yield source.batch(step)
        return
    import torch
    from torch.utils.data import DataLoader, Dataset

    source.prepare()
    own = torch.Generator()  # a loader draws a seed; from the global generator it would shift every later draw
    steps: Dataset[tuple[torch.Tensor, torch.Tensor]] = _Steps(source, start, last)  # type: ignore[assignment]
    yield from DataLoader(steps, batch_size=None, shuffle=False, num_workers=workers, generator=own)
