"""The batches of a range of steps, made in this process or by workers: the same ones either way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from nas.data.patches import PatchSource
from nas.errors import UsageError

if TYPE_CHECKING:
    import torch
    from torch.utils.data import Dataset


_ENDLESS = 2**48  # steps; a range costs nothing until it is walked


class _Steps:
    """A map-style data set whose items are whole batches; all that a worker is sent is the number of a step."""

    def __init__(self, source: PatchSource, start: int, end: int) -> None:
        self._source, self._start, self._length = source, start, end - start

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        return self._source.batch(self._start + index)


def iterate_batches(
    source: PatchSource, start: int, end: int | None = None, workers: int = 0
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """The batches of consecutive steps, equal for any number of workers.

    Args:
        source: Where patches come from.
        start: The first step.
        end: One more than the last step; None: the batches never end.
        workers: Processes that make batches beforehand. The images are loaded first, so that they share them; they
            live as long as the iterator.

    Yields:
        (degraded, target) of each step, see ``PatchSource.batch``.

    Raises:
        UsageError: A count is negative.
    """
    last = start + _ENDLESS if end is None else end
    if workers < 0 or start < 0 or last < start:
        raise UsageError(f"cannot load steps {start} to {end} with {workers} workers; none may be negative")
    if workers == 0:
        for step in range(start, last):
            yield source.batch(step)
        return
    import torch
    from torch.utils.data import DataLoader

    source.prepare()
    own = torch.Generator()  # a loader draws a seed; from the global generator it would shift every later draw
    steps = cast("Dataset[tuple[torch.Tensor, torch.Tensor]]", _Steps(source, start, last))
    yield from DataLoader(steps, batch_size=None, shuffle=False, num_workers=workers, generator=own)
