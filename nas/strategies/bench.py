"""How long a search step takes, mode against mode in one process."""

from __future__ import annotations

import statistics
import time

import torch

from nas.config import SearchSettings
from nas.strategies.derive import space_of
from nas.strategies.pc_darts import PcDarts
from nas.tasks import get_task
from nas.train.losses import pixel_loss

MODES = ("weight step", "first order", "second order, exact", "second order, difference")


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
    for mode in MODES:
        supernet = space_of(settings).supernet(task)
        chosen = settings.search.model_copy(
            update={
                "order": "second" if "second" in mode else "first",
                "second_order": "difference" if "difference" in mode else "exact",
            }
        )
        strategy = PcDarts(chosen, settings.train)
        strategy.prepare(supernet, lambda forward, pair: pixel_loss("l1", forward(pair[0]), pair[1]))
        strategies.append((mode, strategy, supernet))
    seconds: dict[str, list[float]] = {mode: [] for mode in MODES}
    for repeat in range(repeats + 1):  # the first round warms up
        for mode, strategy, supernet in strategies:
            start = time.process_time()
            strategy.step(supernet, batch, None if mode == "weight step" else batch)
            if repeat:
                seconds[mode].append(time.process_time() - start)
    base = statistics.median(seconds[MODES[0]])
    return [(mode, statistics.median(times), statistics.median(times) / base) for mode, times in seconds.items()]
