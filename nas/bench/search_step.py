"""How long a search step takes, mode against mode in one process."""

from __future__ import annotations

import statistics
import time
from typing import Literal

import torch

from nas.config.runs import SearchSettings
from nas.engines.setup import space_of
from nas.registry import STRATEGIES
from nas.tasks import get_task
from nas.train.losses import pixel_loss

#: mode -> (strategy, order, form of the second order, whether the architecture moves too)
MODES: dict[str, tuple[str, Literal["first", "second"], Literal["exact", "difference"], bool]] = {
    "weight step": ("pc_darts", "first", "exact", False),
    "first order": ("pc_darts", "first", "exact", True),
    "second order, exact": ("pc_darts", "second", "exact", True),
    "second order, difference": ("pc_darts", "second", "difference", True),
    "full width, weight step": ("darts", "first", "exact", False),
    "full width, first order": ("darts", "first", "exact", True),
    "gdas, first order": ("gdas", "first", "exact", True),
    "single path, weight step": ("single_path", "first", "exact", False),
}


def time_search_steps(settings: SearchSettings, repeats: int = 5) -> list[tuple[str, float, float]]:
    """(mode, median CPU seconds of a step, ratio to the weight step), the modes taking turns on random data."""
    torch.manual_seed(settings.seed)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    task = get_task(settings.task)
    side = settings.data.patch // task.scale
    shape = (settings.data.batch, task.channels, side, side)
    target = (*shape[:2], side * task.scale, side * task.scale)
    batch = (torch.rand(shape) * 255, torch.rand(target) * 255)
    strategies = []
    for mode, (name, order, form, _) in MODES.items():
        chosen = settings.search.model_copy(update={"order": order, "second_order": form})
        strategy = STRATEGIES.get(name)(chosen, settings.train)
        supernet = space_of(settings).supernet(task, **strategy.supernet_options())
        strategy.prepare(supernet, lambda forward, pair: pixel_loss("l1", forward(pair[0]), pair[1]))
        strategies.append((mode, strategy, supernet))
    seconds: dict[str, list[float]] = {mode: [] for mode in MODES}
    for repeat in range(repeats + 1):  # the first round warms up
        for mode, strategy, supernet in strategies:
            start = time.process_time()
            strategy.step(supernet, batch, batch if MODES[mode][3] else None)
            if repeat:
                seconds[mode].append(time.process_time() - start)
    base = statistics.median(seconds["weight step"])
    return [(mode, statistics.median(times), statistics.median(times) / base) for mode, times in seconds.items()]
