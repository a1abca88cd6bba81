"""Whether loading keeps up with training: step time with real loading against tensors that are ready in memory."""

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
from nas.models.calling import descriptor_of
from nas.progress import Progress
from nas.tasks import Task, get_task
from nas.train.losses import task_criterion
from nas.train.network_learner import NetworkLearner
from nas.train.trainable import build_trainable
from nas.train.training_data import check_settings, open_training_data

Batches = Iterator[tuple[Tensor, Tensor]]
PRELOADED = "preloaded tensors"
#: the same once more: its ratio shows how much a ratio varies where nothing differs
PRELOADED_AGAIN = "preloaded tensors, again"
#: batches that preloaded tensors repeat
READY_BATCHES = 8


@dataclass(frozen=True)
class LoadingTime:
    """How long a training step takes with one way of loading.

    Attributes:
        source: The way of loading.
        seconds: Median of a step, in seconds.
        ratio: Median over the rounds of the ratio to preloaded tensors in the same round.
        low: Lower quartile of that ratio (the ratio itself where there is one round).
        high: Upper quartile, likewise.
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
    """Train on preloaded tensors, on images from files and on the memory-mapped cache, in turns.

    All take turns in one process with one network, every second round in the opposite order, so that a disturbance or
    a drift affects them alike, and each round gives one ratio. Before a turn is timed, as many steps are done as a
    loader may have batches ready, so that what is timed is its steady state.

    Args:
        settings: What is trained, on which data. The cache is ``data.cache``, or a temporary folder; it is filled
            before anything is timed.
        rounds: How many rounds are counted; one more is done first, to warm up.
        block: Timed steps of a turn.
        progress: Advanced after each turn.
        clock: Gives the time in seconds.

    Returns:
        Preloaded tensors twice, files, and the cache.
    """
    if settings.threads:
        torch.set_num_threads(settings.threads)
    task = get_task(settings.task)
    check_settings(settings, task)
    torch.manual_seed(settings.seed)
    with tempfile.TemporaryDirectory() as own:
        streams = _streams(settings, task, Path(settings.data.cache or own))
        trainer = _Trainer(settings, task, streams[PRELOADED])
        times: dict[str, list[float]] = {name: [] for name in streams}
        try:
            for turn in range(rounds + 1):  # the first round warms up
                for name, stream in reversed(streams.items()) if turn % 2 else streams.items():
                    seconds = trainer.timed_block(stream, block, clock)
                    if turn:
                        times[name].append(seconds)
                    if progress is not None:
                        progress.advance(1, name)
                    time.sleep(0.05 * settings.data.workers)  # loaders fill their queues outside of the timing
        finally:
            for stream in streams.values():
                if isinstance(stream, Generator):
                    stream.close()  # ends the worker processes
    return [_summary(name, seconds, times[PRELOADED]) for name, seconds in times.items()]


def _streams(settings: RetrainSettings, task: Task, cache: Path) -> dict[str, Batches]:
    """Endless batches by way of loading."""
    data = settings.data
    pairs = open_training_data(settings, task, {"weights": 1.0}).parts["weights"]
    sources = {
        name: PatchSource(pairs, task, data.patch, data.batch, settings.seed, augment=data.augment, cache=folder)
        for name, folder in (("files", None), ("memory-mapped cache", cache))
    }
    ready = [sources["files"].batch(step) for step in range(READY_BATCHES)]
    streams: dict[str, Batches] = {PRELOADED: cycle(ready), PRELOADED_AGAIN: cycle(ready)}
    for name, source in sources.items():
        source.prepare()
        streams[f"{name}, {data.workers} workers"] = iterate_batches(source, 0, workers=data.workers)
    return streams


class _Trainer:
    """One network, trained on whichever stream is timed."""

    def __init__(self, settings: RetrainSettings, task: Task, stream: Batches) -> None:
        model = build_trainable(settings, task).model
        self._stream, self._device = stream, settings.device
        # batches that torch's loader makes beforehand, and the one that it is handing over
        self._untimed = 2 * settings.data.workers + 1
        criterion = task_criterion(settings.train.loss, descriptor_of(model).value_range)
        self._learner = NetworkLearner(
            model, criterion, self._batches, settings.train, settings.device, lambda model: {}
        )
        self._learner.begin(0)

    def _batches(self, step: int) -> Batches:
        return (next(self._stream) for _ in count(step))

    def timed_block(self, stream: Batches, block: int, clock: Callable[[], float]) -> float:
        """Seconds of a step on ``stream``, the mean of ``block`` steps."""
        self._stream = stream
        for _ in range(self._untimed):
            self._learner.step(0)
        self._wait()
        start = clock()
        for _ in range(block):
            self._learner.step(0)
        self._wait()
        return (clock() - start) / block

    def _wait(self) -> None:
        """Until the device has done all it was given."""
        if self._device.startswith("cuda"):
            torch.cuda.synchronize(self._device)


def _summary(source: str, seconds: list[float], reference: list[float]) -> LoadingTime:
    ratios = [mine / other for mine, other in zip(seconds, reference, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else ratios * 3
    return LoadingTime(source, statistics.median(seconds), middle, low, high)
