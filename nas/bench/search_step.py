"""The time of a search step by strategy and order, relative to a weight step, measured in one process."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from nas.config.owners import with_strategy
from nas.config.runs import SearchSettings
from nas.engines.setup import space_of
from nas.errors import NasError, UsageError
from nas.registry import STRATEGIES
from nas.strategies.base import DifferentiableStrategy
from nas.tasks import Task, get_task
from nas.train.losses import pixel_loss

#: the architecture step by its order, for strategies that have the setting ``order``
ORDERS: dict[str, dict[str, str]] = {
    "first order": {"order": "first"},
    "second order, exact": {"order": "second", "second_order": "exact"},
    "second order, difference": {"order": "second", "second_order": "difference"},
}


class StepMode(NamedTuple):
    """A kind of search step.

    Attributes:
        name: Strategy and what the step does.
        settings: A search in which the steps are of this kind.
        architecture: Whether the architecture is trained too, or the weights alone.
    """

    name: str
    settings: SearchSettings
    architecture: bool


class StepTime(NamedTuple):
    """Median CPU seconds of a step in one mode, and their ratio to those of the first mode."""

    mode: str
    seconds: float
    ratio: float


def step_modes(settings: SearchSettings) -> list[StepMode]:
    """The modes that are timed: weight and architecture steps of every strategy that trains a supernet.

    Args:
        settings: The search. Its strategy comes first, and the weight step of that is the reference of all ratios.

    Raises:
        UsageError: The strategy of the settings trains no supernet.
    """
    differentiable = _differentiable()
    if settings.strategy not in differentiable:
        raise UsageError(
            f"strategy {settings.strategy!r} trains no supernet, so it has no search step to time; "
            f"those that do: {', '.join(differentiable)}"
        )
    modes = []
    for name in sorted(differentiable, key=lambda name: name != settings.strategy):
        chosen = with_strategy(settings, name)
        modes.append(StepMode(f"{name}, weight step", chosen, False))
        strategy = differentiable[name]
        if strategy.chooses_at_end:  # it trains no architecture
            continue
        orders = ORDERS if "order" in strategy.Settings.model_fields else {"architecture step": {}}
        for order, changes in orders.items():
            modes.append(StepMode(f"{name}, {order}", with_strategy(settings, name, **changes), True))
    return modes


def time_search_steps(
    settings: SearchSettings, repeats: int = 5, clock: Callable[[], float] = time.process_time
) -> list[StepTime]:
    """Time a search step of every mode on random data, the modes in turns.

    Args:
        settings: Strategy of the reference, space, task, batch and patch.
        repeats: How many steps of each mode are counted; one more is done first, to warm up.
        clock: Gives the CPU time in seconds.

    Returns:
        The time of each mode, in the order of ``step_modes``.

    Raises:
        UsageError: The strategy of the settings trains no supernet.
    """
    modes = step_modes(settings)
    torch.manual_seed(settings.seed)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    task = get_task(settings.task)
    batch = random_batch(settings, task)
    prepared = []
    for mode in modes:
        strategy = STRATEGIES.get(mode.settings.strategy)(mode.settings.search, mode.settings.train)
        supernet = space_of(settings).supernet(task, **strategy.supernet_options())
        strategy.prepare(supernet, lambda forward, pair: pixel_loss("l1", forward(pair[0]), pair[1]))
        prepared.append((mode, strategy, supernet))
    seconds: dict[str, list[float]] = {mode.name: [] for mode in modes}
    for repeat in range(repeats + 1):  # the first round warms up
        for mode, strategy, supernet in prepared:
            start = clock()
            strategy.step(supernet, batch, batch if mode.architecture else None)
            passed = clock() - start
            if repeat:
                seconds[mode.name].append(passed)
    reference = statistics.median(seconds[modes[0].name])
    return [StepTime(name, statistics.median(s), statistics.median(s) / reference) for name, s in seconds.items()]


def _differentiable() -> dict[str, type[DifferentiableStrategy]]:
    """The strategies that train a supernet, by name, except those that cannot be imported here."""
    found = {}
    for name in STRATEGIES.names():
        try:
            strategy = STRATEGIES.get(name)
        except (ImportError, NasError):
            continue
        if strategy.differentiable:
            found[name] = strategy
    return found


def random_batch(settings: SearchSettings, task: Task) -> tuple[Tensor, Tensor]:
    """Degraded (B, C, h, w) and true (B, C, H, W) images of noise, 0 to 255."""
    batch, side = settings.data.batch, settings.data.patch // task.scale
    degraded = torch.rand(batch, task.channels, side, side) * 255
    return degraded, torch.rand(batch, task.channels, side * task.scale, side * task.scale) * 255
