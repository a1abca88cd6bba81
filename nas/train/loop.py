"""The training loop: steps, log, validation, states. What a step does is the learner's business."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from nas.config.training import TrainSettings
from nas.errors import NasError
from nas.progress import Progress, progress
from nas.train import distributed
from nas.train.events import Events, NoEvents
from nas.train.run import Run
from nas.train.signals import Listener, listening
from nas.train.state import fitting, load_state, random_state, restore_random_state, save_state

#: how the reason begins for which a run ends that has spent its time
TIME_UP = "the time budget of"


class Learner(Protocol):
    """What the loop drives: a supernet under a strategy, whole genotypes under one, or a network under a loss.

    Of several ranks each calls all methods, with its slice of each batch; what ``TrainingData.validate`` measures is
    the same on all.

    Attributes:
        stopped: A sentence in it, not "", ends the run before its last step and says why.
    """

    stopped: str

    def begin(self, step: int) -> None:
        """Called once, with the first step to be done: streams of batches start there."""

    def step(self, step: int) -> dict[str, float]:
        """Do one step, counted from 0; returns scalars for the log, ``loss`` among them."""

    def report(self, step: int) -> Iterator[tuple[str, dict[str, Any]]]:
        """Further events (kind, values) after ``step`` steps, asked for whenever the log is written."""

    def validate(self, step: int) -> dict[str, float]:
        """Scores after ``step`` steps, ``psnr`` among them; {} when there is nothing to validate on."""

    def state_dict(self) -> dict[str, Any]:
        """All that a continued run needs, as tensors and plain values."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Inverse of ``state_dict``."""


@dataclass(frozen=True)
class Ending:
    """How a training ended.

    Attributes:
        scores: The last validation scores.
        steps: Steps done.
        reason: Why it ended before its last step; "" if it did not.
    """

    scores: dict[str, float]
    steps: int
    reason: str


def train(learner: Learner, run: Run, settings: TrainSettings, title: str) -> Ending:
    """Run to ``settings.steps``, continuing from the newest state if there is one.

    It ends earlier when ``settings.time`` seconds of work are spent (by the clock of rank 0; earlier sessions of the
    run count, but not what died unsaved) or when the learner is ``stopped``: then an event ``stop`` holds the reason,
    and validation and state are as after the last step.

    All randomness lives in the state and data are a function of the step, so that an interrupted run continues
    bit-exactly on a CPU (same versions, same number of threads and ranks).

    Args:
        learner: What does the steps.
        run: The folder for states and events.
        settings: How many steps, and how often to log, validate and save.
        title: What the progress bar says.

    Raises:
        NasError: The loss is no longer finite, or the ranks no longer agree; the last good state stays on disk.
        Interrupted: On SIGINT or SIGTERM: after the step at hand, with a state saved, or at once where every step
            saves one anyway.
    """
    training = _Training(learner, run, settings, title)
    notes = [*run.notes, *training.restore()]
    with training.under_way(notes) as (bar, signals):
        while not training.over:
            values, interrupted = training.step(signals)
            if training.due(settings.log_every):
                training.log(values)
            if training.reason and training.done < settings.steps:
                training.announce_stop()
            if training.due(settings.validate_every):
                training.validate()
            if training.due(settings.checkpoint_every) or interrupted:
                training.save()
            bar.advance(detail=f"loss {values['loss']:.3f}")
            if interrupted and not training.over:
                raise signals.interruption()
    return Ending(training.scores, training.done, training.reason if training.done < settings.steps else "")


class _Training:
    """One training under way: how far it is, and what it writes."""

    def __init__(self, learner: Learner, run: Run, settings: TrainSettings, title: str) -> None:
        self.learner, self.run, self.settings, self.title = learner, run, settings, title
        self.done = 0
        self.scores: dict[str, float] = {}
        self.reason = ""  # why it ends before the last step
        self._spent = 0.0  # seconds of earlier sessions
        self._begun = time.monotonic()
        self._events: Events | NoEvents = NoEvents()
        self._note: Callable[[str], None] = lambda line: None

    @property
    def over(self) -> bool:
        """Whether no step is left to do."""
        return self.done >= self.settings.steps or self.reason != ""

    def due(self, every: int) -> bool:
        """Whether what happens every so many steps happens now; after the last step everything does."""
        return self.done % every == 0 or self.over

    def seconds(self) -> float:
        """Seconds of work so far."""
        return self._spent + time.monotonic() - self._begun

    def where(self) -> str:
        """What to tell the user of an interruption."""
        return (
            f"interrupted at step {self.done} of {self.settings.steps}; continue with "
            f"'nas {self.run.kind} --resume {self.run.folder}'"
        )

    def restore(self) -> list[str]:
        """Take up the newest state, on all ranks that of rank 0; returns sentences for the user."""
        notes: list[str] = []
        state = distributed.lead(lambda: _newest(self.learner, self.run, notes.append), distributed.share_state)
        if state is not None:
            with fitting(self.run.folder):
                self.done, self.scores = int(state["step"]), dict(state["scores"])
                # older states have neither
                self.reason, self._spent = state.get("stopped", ""), state.get("seconds", 0.0)
                self.learner.load_state_dict(state["learner"])
                restore_random_state(state["random"])
            self._reconsider(state["learner"], notes)
            if (before := state.get("ranks", 1)) != distributed.ranks():
                notes.append(
                    f"the run has had {before} process(es) and goes on with {distributed.ranks()}; data.batch is "
                    "per process, so every step now sees another number of patches"
                )
        self._begun = time.monotonic()
        return notes

    def _reconsider(self, before: dict[str, Any], notes: list[str]) -> None:
        """Go on after an early end if what ended the run was changed since; ``before`` is the learner's state."""
        limit = self.settings.time
        time_left = self.reason.startswith(TIME_UP) and (limit is None or self._spent < limit)
        if time_left or (before.get("stopped") and not self.learner.stopped):
            self.reason = ""
        if self.reason and self.done < self.settings.steps:
            notes.append(f"the run stays ended at step {self.done}: {self.reason}")

    @contextmanager
    def under_way(self, notes: list[str]) -> Iterator[tuple[Progress, Listener]]:
        """Log, progress bar and signals for the time of the steps."""
        settings, leads = self.settings, distributed.leads()
        if leads:
            self._events = Events(self.run.folder, self.done)
        self.learner.begin(self.done)
        left = None if settings.time is None else settings.time - self._spent
        at_once = settings.checkpoint_every == 1 and distributed.ranks() == 1
        try:
            with (
                progress(self.title, settings.steps, done=self.done, quiet=not leads, limit=left) as bar,
                listening(self.where, at_once) as signals,
            ):
                self._note = bar.note
                for note in notes:
                    bar.note(note)
                yield bar, signals
        finally:
            self._events.close()

    def step(self, signals: Listener) -> tuple[dict[str, float], bool]:
        """One step: its values (means over the ranks), and whether the run was interrupted meanwhile."""
        values = self.learner.step(self.done)
        self.done += 1
        limit = self.settings.time
        late = limit is not None and self.seconds() >= limit
        values, ended, interrupted = _agree(values, late or self.learner.stopped != "", signals.received != 0)
        if not math.isfinite(values["loss"]):
            raise NasError(
                f"the loss is {values['loss']} at step {self.done} of {self.run.folder}; lower train.optimizer.lr or "
                "set train.clip, and start again"
            )
        if ended:
            self.reason = distributed.share(self.learner.stopped or f"{TIME_UP} {limit} s is spent")
        return values, interrupted

    def log(self, values: dict[str, float]) -> None:
        """Write the events of a step; the learner may stop the run by what it finds."""
        self._events.write(self.done, "train", **values)
        for kind, more in self.learner.report(self.done):
            self._events.write(self.done, kind, **more)
            if kind == "warning":
                self._note(f"warning at step {self.done}: {more['message']}")
        self.reason = distributed.share(self.reason or self.learner.stopped)

    def announce_stop(self) -> None:
        """Say why the run ends before its last step."""
        self._events.write(self.done, "stop", reason=self.reason)
        self._note(f"{self.title}: stopped at step {self.done}, {self.reason}")

    def validate(self) -> None:
        """Measure and log; the last scores stay where there is nothing to validate on."""
        self.scores = self.learner.validate(self.done) or self.scores
        if self.scores:
            self._events.write(self.done, "validation", **self.scores)
            shown = ", ".join(f"{k} {v:.3f}" for k, v in self.scores.items())
            self._note(f"{self.title}: step {self.done}, validation {shown}")

    def save(self) -> None:
        """Write a state, after a check that all ranks hold the same one."""
        content = {
            "learner": self.learner.state_dict(),
            "random": random_state(),
            "scores": self.scores,
            "stopped": self.reason,
        }
        distributed.identical(content, f"after step {self.done}")
        if distributed.leads():
            self.run.lock.check()
            more = {"seconds": self.seconds(), "ranks": distributed.ranks()}
            save_state(self.run.states, self.done, {**content, **more})


def _agree(values: dict[str, float], ended: bool, interrupted: bool) -> tuple[dict[str, float], bool, bool]:
    """Means over the ranks; whether rank 0 says that the run ends; whether any rank was told to stop."""
    if distributed.ranks() == 1:
        return values, ended, interrupted
    asked = {" ended": float(ended and distributed.leads()), " interrupted": float(interrupted)}
    means = distributed.mean({**values, **asked})
    return {name: means[name] for name in values}, means[" ended"] > 0, means[" interrupted"] > 0


def _newest(learner: Learner, run: Run, warn: Callable[[str], None]) -> dict[str, Any] | None:
    """The newest state on disk. Several ranks without one still begin from the same: that of rank 0 as it was built."""
    state = load_state(run.states, warn)
    if state is None and distributed.ranks() > 1:
        fresh = {"step": 0, "scores": {}, "ranks": distributed.ranks()}
        return {**fresh, "learner": learner.state_dict(), "random": random_state()}
    return state
