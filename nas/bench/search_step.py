"""How long a search step takes in each mode, relative to a weight step, measured in one process."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from nas.config.runs import SearchSettings
from nas.engines.setup import space_of
from nas.registry import STRATEGIES
from nas.tasks import Task, get_task
from nas.train.losses import pixel_loss


class StepMode(NamedTuple):
    """What a search step does: its strategy, order, form of the second order, whether the architecture moves too."""

    strategy: str
    order: Literal["first", "second"]
    second_order: Literal["exact", "difference"]
    architecture: bool


class StepTime(NamedTuple):
    """Median CPU seconds of a step in one mode, and their ratio to those of the reference."""

    mode: str
    seconds: float
    ratio: float


#: the mode that ratios are taken against
REFERENCE = "weight step"
MODES: dict[str, StepMode] = {
    REFERENCE: StepMode("pc_darts", "first", "exact", False),
    "first order": StepMode("pc_darts", "first", "exact", True),
    "second order, exact": StepMode("pc_darts", "second", "exact", True),
    "second order, difference": StepMode("pc_darts", "second", "difference", True),
    "full width, weight step": StepMode("darts", "first", "exact", False),
    "full width, first order": StepMode("darts", "first", "exact", True),
    "gdas, first order": StepMode("gdas", "first", "exact", True),
    "single path, weight step": StepMode("single_path", "first", "exact", False),
}


def time_search_steps(
    settings: SearchSettings, repeats: int = 5, clock: Callable[[], float] = time.process_time
) -> list[StepTime]:
    """Time a search step of every mode on random data, the modes in turns.

    Args:
        settings: Space, task, batch and patch; strategy and order are those of each mode.
        repeats: How many steps of each mode are counted; one more is done first, to warm up.
        clock: Gives the CPU time in seconds.

    Returns:
        The time of each mode, in the order of ``MODES``.
    """
    torch.manual_seed(settings.seed)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    task = get_task(settings.task)
    batch = _random_batch(settings, task)
    prepared = []
    for name, mode in MODES.items():
        chosen = settings.search.model_copy(update={"order": mode.order, "second_order": mode.second_order})
        strategy = STRATEGIES.get(mode.strategy)(chosen, settings.train)
        supernet = space_of(settings).supernet(task, **strategy.supernet_options())
        strategy.prepare(supernet, lambda forward, pair: pixel_loss("l1", forward(pair[0]), pair[1]))
        prepared.append((name, strategy, supernet))
    seconds: dict[str, list[float]] = {name: [] for name in MODES}
    for repeat in range(repeats + 1):  # the first round warms up
        for name, strategy, supernet in prepared:
            start = clock()
            strategy.step(supernet, batch, batch if MODES[name].architecture else None)
            passed = clock() - start
            if repeat:
                seconds[name].append(passed)
    reference = statistics.median(seconds[REFERENCE])
    return [StepTime(name, statistics.median(s), statistics.median(s) / reference) for name, s in seconds.items()]


def _random_batch(settings: SearchSettings, task: Task) -> tuple[Tensor, Tensor]:
    """Degraded (B, C, h, w) and true (B, C, H, W) images of noise, 0 to 255."""
    batch, side = settings.data.batch, settings.data.patch // task.scale
    degraded = torch.rand(batch, task.channels, side, side) * 255
    return degraded, torch.rand(batch, task.channels, side * task.scale, side * task.scale) * 255
