"""Whether data keep up with training: step time with real loading against tensors that lie ready in memory."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from itertools import count, cycle
from pathlib import Path

import torch
from torch import Tensor

from nas.config.runs import RetrainSettings
from nas.data import PatchSource, iterate_batches
from nas.progress import Progress
from nas.tasks import get_task
from nas.train.losses import task_criterion
from nas.train.network_learner import NetworkLearner
from nas.train.retrain import build_candidate
from nas.train.training_data import check_settings, open_training_data

Batches = Iterator[tuple[Tensor, Tensor]]
PRELOADED = "preloaded tensors"
PRELOADED_AGAIN = "preloaded tensors, again"  # what a ratio is when nothing differs: the noise of this machine


@dataclass(frozen=True)
class LoadingTime:
    """One way of feeding: median seconds of a step, and the median over rounds of its ratio to preloaded tensors.

    low, high: quartiles of that ratio over the rounds (the ratio itself where there is one round)
    """

    source: str
    seconds: float
    ratio: float
    low: float
    high: float


def time_loading(
    settings: RetrainSettings,
    rounds: int = 10,
    block: int = 10,
    progress: Progress | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> list[LoadingTime]:
    """Train ``settings.model`` in turns on preloaded tensors, on images from files, and on the memory-mapped cache.

    The ways take turns of ``block`` steps in one process with one network, every second round in the opposite order,
    so that a disturbance or a drift meets them alike, and each round gives one ratio. Preloaded tensors take two
    turns a round, so that their own ratio shows what the machine's noise is. A loader begins its turn with batches
    made beforehand; as many steps as it can have ready are done untimed first, so that what is timed is its steady
    state. The cache lies in ``data.cache``, or in a temporary folder, and is filled before. ``clock`` returns
    seconds.
    """
    if settings.threads:
        torch.set_num_threads(settings.threads)
    task, data = get_task(settings.task), settings.data
    check_settings(settings, task)
    torch.manual_seed(settings.seed)
    feed = open_training_data(settings, task, {"weights": 1.0})
    model = build_candidate(settings, task).model
    with tempfile.TemporaryDirectory() as own:
        sources = {
            name: PatchSource(
                feed.parts["weights"], task, data.patch, data.batch, settings.seed, augment=data.augment, cache=cache
            )
            for name, cache in (("files", None), ("memory-mapped cache", Path(data.cache or own)))
        }
        ready = [sources["files"].batch(step) for step in range(8)]
        streams: dict[str, Batches] = {PRELOADED: cycle(ready), PRELOADED_AGAIN: cycle(ready)}
        for name, source in sources.items():
            source.prepare()
            streams[f"{name}, {data.workers} workers"] = iterate_batches(source, 0, workers=data.workers)
        now = [streams[PRELOADED]]
        learner = NetworkLearner(
            model,
            task_criterion(settings.train.loss, model.descriptor.value_range),  # type: ignore[union-attr, arg-type]
            lambda step: (next(now[0]) for _ in count(step)),
            settings.train,
            settings.device,
            lambda model: {},
        )
        learner.begin(0)
        ahead = 2 * data.workers + 1  # batches that torch's loader makes beforehand, and the one in its hands
        times: dict[str, list[float]] = {name: [] for name in streams}
        try:
            for turn in range(rounds + 1):  # the first round warms up
                for name, stream in reversed(streams.items()) if turn % 2 else streams.items():
                    now[0] = stream
                    for _ in range(ahead):
                        learner.step(0)
                    _settle(settings.device)
                    start = clock()
                    for _ in range(block):
                        learner.step(0)
                    _settle(settings.device)
                    if turn:
                        times[name].append((clock() - start) / block)
                    if progress is not None:
                        progress.advance(1, name)
                    time.sleep(0.05 * data.workers)  # a loader fills its queue again at nobody's cost
        finally:
            for stream in streams.values():
                if isinstance(stream, Generator):
                    stream.close()  # ends the worker processes
    return [_summary(name, seconds, times[PRELOADED]) for name, seconds in times.items()]


def _summary(source: str, seconds: list[float], reference: list[float]) -> LoadingTime:
    ratios = [mine / other for mine, other in zip(seconds, reference, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else ratios * 3
    return LoadingTime(source, statistics.median(seconds), middle, low, high)


def _settle(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
