"""Where the time of a training goes: data, forward, backward, optimiser, logging, and how many images a second."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

from nas.bench.device import device_name
from nas.config.runs import RetrainSettings
from nas.data import PatchSource, iterate_batches
from nas.models.baseline import Criterion
from nas.models.calling import descriptor_of
from nas.progress import Progress
from nas.tasks import get_task
from nas.train.events import Events
from nas.train.losses import task_criterion
from nas.train.network_learner import NetworkLearner
from nas.train.trainable import build_trainable
from nas.train.training_data import check_settings, open_training_data

#: parts of a step, in their order; the loss belongs to the forward pass, clipping and averaging of ranks to the
#: backward pass, averaged weights to the optimiser
PARTS = ("data", "forward", "backward", "optimiser", "logging")


@dataclass(frozen=True)
class TrainingTime:
    """How fast a training is and where its time goes.

    Attributes:
        model: What is trained.
        images_per_second: Patches that the network has seen, by wall time.
        step_seconds: Mean wall time of a step.
        shares: Share of each of ``PARTS`` in it; they add up to 1.
        steps: Timed steps.
        batch: Patches of a step.
        patch: Side of the target patches in pixels.
        threads: Of torch.
        device: Name of the processor or GPU.
    """

    model: str
    images_per_second: float
    step_seconds: float
    shares: dict[str, float]
    steps: int
    batch: int
    patch: int
    threads: int
    device: str


class _Stopwatch:
    """Adds the time since the last reading to a part of the step."""

    def __init__(self, clock: Callable[[], float], device: str) -> None:
        self._clock, self._device = clock, device
        self.seconds = dict.fromkeys(PARTS, 0.0)
        self._last = 0.0

    def start(self) -> None:
        """Forget all times; the clock runs from here."""
        self.seconds = dict.fromkeys(PARTS, 0.0)
        self._last = self._read()

    def lap(self, part: str) -> None:
        """What passed since the last call was spent on ``part``."""
        now = self._read()
        self.seconds[part] += now - self._last
        self._last = now

    def _read(self) -> float:
        if self._device.startswith("cuda"):
            torch.cuda.synchronize(self._device)
        return self._clock()


class _TimedCriterion:
    """A loss whose end is the end of the forward pass."""

    def __init__(self, criterion: Criterion, watch: _Stopwatch) -> None:
        self._criterion, self._watch = criterion, watch

    @property
    def identity(self) -> str:
        """That of the loss."""
        return self._criterion.identity

    def __call__(self, outputs: Any, degraded: Tensor, target: Tensor, step: int) -> tuple[Tensor, dict[str, float]]:
        """The loss."""
        found = self._criterion(outputs, degraded, target, step)
        self._watch.lap("forward")
        return found


def time_training(
    settings: RetrainSettings,
    steps: int = 20,
    progress: Progress | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> TrainingTime:
    """Train for some steps as ``nas retrain`` does, and read the clock between the parts of each.

    Validation and saving of states are left out: how often they happen is the user's choice.

    Args:
        settings: What is trained, on which data.
        steps: Timed steps; a few are done first, to warm up.
        progress: Advanced after each step.
        clock: Gives the time in seconds.

    Returns:
        Speed and shares.
    """
    if settings.threads:
        torch.set_num_threads(settings.threads)
    task, data = get_task(settings.task), settings.data
    check_settings(settings, task)
    torch.manual_seed(settings.seed)
    pairs = open_training_data(settings, task, {"weights": 1.0}).parts["weights"]
    batch = data.batch * settings.train.accumulate
    source = PatchSource(pairs, task, data.patch, batch, settings.seed, augment=data.augment, cache=data.cache)
    source.prepare()
    watch = _Stopwatch(clock, settings.device)
    model = build_trainable(settings, task).model
    criterion = _TimedCriterion(task_criterion(settings.train.loss, descriptor_of(model).value_range), watch)
    stream = _timed(iterate_batches(source, 0, workers=data.workers), watch)
    learner = NetworkLearner(model, criterion, lambda step: stream, settings.train, settings.device, _no_scores)
    handles = [
        register_optimizer_step_pre_hook(lambda *_: watch.lap("backward")),
        register_optimizer_step_post_hook(lambda *_: watch.lap("optimiser")),
    ]
    warmup = 2 * data.workers + 2  # batches that loaders may have made beforehand
    try:
        with tempfile.TemporaryDirectory() as folder:
            events = Events(Path(folder))
            learner.begin(0)
            for step in range(warmup + steps):
                if step == warmup:
                    watch.start()
                values = learner.step(step)
                watch.lap("optimiser")  # averaged weights
                events.write(step + 1, "train", **values)
                watch.lap("logging")
                if progress is not None:
                    progress.advance(1)
            events.close()
    finally:
        for handle in handles:
            handle.remove()
        stream.close()
    watch.seconds["logging"] /= settings.train.log_every  # every step was logged, so that there is one to time
    total = sum(watch.seconds.values())
    return TrainingTime(
        model=str(settings.model),
        images_per_second=steps * batch / total if total else 0.0,
        step_seconds=total / steps,
        shares={part: seconds / total if total else 0.0 for part, seconds in watch.seconds.items()},
        steps=steps,
        batch=data.batch,
        patch=data.patch,
        threads=torch.get_num_threads(),
        device=device_name(settings.device),
    )


def _no_scores(model: nn.Module) -> dict[str, float]:
    return {}


def _timed(batches: Iterator[tuple[Tensor, Tensor]], watch: _Stopwatch) -> Any:
    """The same batches; the time until each is there was spent on data."""
    for batch in batches:
        watch.lap("data")
        yield batch
