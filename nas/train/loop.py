"""The training loop: steps, log, validation, states. What a step does is the learner's business."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from nas.config.training import TrainSettings
from nas.errors import NasError
from nas.profiling.memory import is_out_of_memory
from nas.progress import Progress, progress
from nas.signals import Listener, listening
from nas.train import distributed
from nas.train.best import Best
from nas.train.events import Events, NoEvents
from nas.train.finite import NonFiniteError, first_not_finite, infinite_constants, listed
from nas.train.run import Run
from nas.train.state import fitting, load_state, random_state, restore_random_state, save_state

#: how the reason begins for which a run ends that has spent its time
TIME_UP = "the time budget of"
#: how the reason ends for which a run ends whose validations became no better
PATIENCE_OVER = "(train.patience)"
#: (step, scores of its validation)
KeepBest = Callable[[int, dict[str, float]], None]
#: (step, scores of its validation, whether it is the last) -> what is doubtful about them, a ``message`` among it
Doubt = Callable[[int, dict[str, float], bool], dict[str, Any] | None]


class Learner(Protocol):
    """What the loop drives: a supernet under a strategy, whole genotypes under one, or a network under a loss.

    Of several ranks each calls all methods, with its slice of each batch; what ``TrainingData.validate`` measures is
    the same on all.

    One that also has ``images(step)``, the names of the images in the batches of a step, has them told when the step
    comes to numbers that are not finite.

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


def train(
    learner: Learner,
    run: Run,
    settings: TrainSettings,
    title: str,
    notes: Sequence[str] = (),
    *,
    keep_best: KeepBest | None = None,
    pictures: Mapping[str, Any] | None = None,
    doubts: Doubt | None = None,
) -> Ending:
    """Run to ``settings.steps``, continuing from the newest state if there is one.

    It ends earlier when ``settings.time`` seconds of work are spent (by the clock of rank 0; earlier sessions of the
    run count, but not what died unsaved), when the learner is ``stopped``, or when ``settings.patience`` validations
    brought nothing better: then an event ``stop`` holds the reason, and validation and state are as after the last
    step.

    All randomness lives in the state and data are a function of the step, so that an interrupted run continues
    bit-exactly on a CPU (same versions, same number of threads and ranks). A state is saved before every validation,
    which may need more memory than a step; one that was cut short there is made up for first.

    Args:
        learner: What does the steps.
        run: The folder for states and events.
        settings: How many steps, and how often to log, validate and save.
        title: What the progress bar says.
        notes: Sentences for the user at the start.
        keep_best: Called after every validation that is the best so far, on all ranks.
        pictures: Arrays (H, W, 3) in uint8 by name, which the last validation left for TensorBoard.
        doubts: Judges every validation, on all ranks.

    Raises:
        NasError: The loss, a gradient or a state is no longer finite, the disk is full, memory does not suffice for a
            validation, or the ranks no longer agree; the last good state stays on disk.
        Interrupted: On SIGINT or SIGTERM, after the step at hand, with a state saved; a step that consists of many
            (a trial) may end early, and is then done again.
    """
    training = _Training(learner, run, settings, title, keep_best, {} if pictures is None else pictures, doubts)
    notes = [*run.notes, *notes, *training.restore()]
    with going_on(run), training.under_way(notes) as (bar, signals):
        training.catch_up(signals)
        while not training.over:
            values, interrupted = training.step(signals)
            with signals.shielded():
                if values and training.due(settings.log_every):
                    training.log(values)
                if training.reason and training.done < settings.steps:
                    training.announce_stop()
                validates = training.due(settings.validate_every)
                if validates or interrupted or training.due(settings.checkpoint_every):
                    training.save(validates)
            if validates and not (interrupted and not training.over):
                training.validate(signals)
            bar.advance(detail=f"loss {values['loss']:.3f}" if values else "step left out")
            if interrupted and not training.over:
                raise signals.interruption()
    return Ending(training.scores, training.done, training.reason if training.done < settings.steps else "")


@contextmanager
def going_on(run: Run) -> Iterator[None]:
    """Add to what could not be written which state of the run is kept, and how to go on from it."""
    try:
        yield
    except NasError as error:
        if not isinstance(error.__cause__, OSError) and "could not be written" not in str(error):
            raise
        raise NasError(f"{error}; {kept(run)}; then continue with {_resume(run)}") from error


def kept(run: Run) -> str:
    """Which state of a run is on disk, in words."""
    steps = [int(mark.stem.removeprefix("step-")) for mark in run.states.glob("step-*.sha256")]
    return f"the state of step {max(steps)} is kept" if steps else "no state was saved yet"


def _resume(run: Run) -> str:
    return f"'nas {run.kind} --resume {run.folder}'"


class _Training:
    """One training under way: how far it is, and what it writes."""

    def __init__(
        self,
        learner: Learner,
        run: Run,
        settings: TrainSettings,
        title: str,
        keep_best: KeepBest | None,
        pictures: Mapping[str, Any],
        doubts: Doubt | None = None,
    ) -> None:
        self.learner, self.run, self.settings, self.title = learner, run, settings, title
        self._keep_best, self._pictures, self._doubts = keep_best, pictures, doubts
        self.best = Best(settings)
        self.done = 0
        self.scores: dict[str, float] = {}
        self.reason = ""  # why it ends before the last step
        self.skipped = 0  # steps left out because they came to numbers that are not finite
        self._unvalidated = False  # whether the state at hand was saved before a validation that never ended
        self._constants: frozenset[str] = frozenset()
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
        self._constants = infinite_constants({"learner": self.learner.state_dict()})
        state = distributed.lead(lambda: _newest(self.learner, self.run, notes.append), distributed.share_state)
        if state is not None:
            with fitting(self.run.folder):
                self.done, self.scores = int(state["step"]), dict(state["scores"])
                # older states have neither
                self.reason, self._spent = state.get("stopped", ""), state.get("seconds", 0.0)
                self.skipped, self._unvalidated = state.get("skipped", 0), state.get("unvalidated", False)
                self.best.load_state_dict(state.get("best", {}))
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
        patient = self.reason.endswith(PATIENCE_OVER) and not self.best.stop
        if time_left or patient or (before.get("stopped") and not self.learner.stopped):
            self.reason = ""
        if self.reason and self.done < self.settings.steps:
            notes.append(f"the run stays ended at step {self.done}: {self.reason}")

    @contextmanager
    def under_way(self, notes: list[str]) -> Iterator[tuple[Progress, Listener]]:
        """Log, progress bar and signals for the time of the steps."""
        settings, leads = self.settings, distributed.leads()
        left = None if settings.time is None else settings.time - self._spent
        with listening(self.where, at_once=False) as signals:
            try:
                with signals.shielded():
                    if leads:
                        # the validation that is made up for may end the run anew
                        again = (
                            ("validation", "doubt", *(() if self.reason else ("stop",))) if self._unvalidated else ()
                        )
                        self._events = Events(self.run.folder, self.done, again)
                    self.learner.begin(self.done)
                with progress(self.title, settings.steps, done=self.done, quiet=not leads, limit=left) as bar:
                    self._note = bar.note
                    for note in (*notes, *([self._events.damage] if self._events.damage else [])):
                        bar.note(note)
                    if signals.received and distributed.ranks() == 1:  # while the run was set up
                        raise signals.interruption()
                    yield bar, signals
            finally:
                with signals.shielded():
                    self._events.close()

    def catch_up(self, signals: Listener) -> None:
        """Do the validation that the state was saved before, if it was never done."""
        if self._unvalidated:
            self.validate(signals)

    def step(self, signals: Listener) -> tuple[dict[str, float], bool]:
        """One step: its values (means over the ranks; {} if it was left out), and whether the run was interrupted."""
        left_out: NonFiniteError | None = None
        try:
            values = self.learner.step(self.done)
        except NonFiniteError as error:  # the same on all ranks, since gradients are averaged
            values, left_out = {"loss": 0.0}, error
        self.done += 1
        limit = self.settings.time
        late = limit is not None and self.seconds() >= limit
        values, ended, interrupted = _agree(values, late or self.learner.stopped != "", signals.received != 0)
        if left_out is None and not math.isfinite(values["loss"]):
            raise self._not_finite(f"the loss is {values['loss']}")
        if left_out is not None:
            self._leave_out(left_out)
        if ended:
            self.reason = distributed.share(self.learner.stopped or f"{TIME_UP} {limit} s is spent")
        return ({} if left_out else values), interrupted

    def _leave_out(self, error: NonFiniteError) -> None:
        """Count a step that moved nothing, as long as ``train.skip_nonfinite`` allows."""
        if self.skipped >= self.settings.skip_nonfinite:
            raise self._not_finite(error.what) from error
        self.skipped += 1
        allowed = self.settings.skip_nonfinite
        message = (
            f"{error.what}{self._batch()}: the step is left out, {self.skipped} of {allowed} (train.skip_nonfinite)"
        )
        self._events.write(self.done, "warning", message=message)
        self._note(f"warning at step {self.done}: {message}")

    def _not_finite(self, what: str) -> NasError:
        """The end of a run at the step at hand, and how to go on from the state before it."""
        rate = self.settings.optimizer.lr / 2
        skipped = f", {self.skipped} steps left out before" if self.skipped else ""
        state = kept(self.run)
        mend = (
            f"go on from it with {_resume(self.run)} and a lower rate (--set train.optimizer.lr={rate:g}), train.clip, "
            "or train.skip_nonfinite, which leaves such steps out"
            if "is kept" in state
            else "lower train.optimizer.lr or set train.clip, and start again"
        )
        return NasError(f"{what} at step {self.done} of {self.run.folder}{self._batch()}{skipped}; {state}; {mend}")

    def _batch(self) -> str:
        """The images of the last step, in brackets."""
        images = getattr(self.learner, "images", None)
        named = images(self.done - 1) if images is not None and self.done else []
        return f" (images {listed(named)})" if named else ""

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

    def validate(self, signals: Listener) -> None:
        """Measure, log and save; the last scores stay where there is nothing to validate on."""
        scores = self._measure()
        doubt = self._doubts(self.done, scores, self.over) if self._doubts is not None and scores else None
        with signals.shielded():
            self._unvalidated = False
            self.scores = scores or self.scores
            if self.scores:
                self._events.write(self.done, "validation", **self.scores)
                shown = ", ".join(f"{k} {v:.3f}" for k, v in self.scores.items())
                self._note(f"{self.title}: step {self.done}, validation {shown}")
            if doubt is not None:
                self._events.write(self.done, "doubt", **doubt)
                self._note(f"warning at step {self.done}: {doubt['message']}")
            if scores:
                self._compare(scores)
            self.save()

    def _compare(self, scores: dict[str, float]) -> None:
        """Show pictures, keep the best weights, and end the run when patience is over."""
        for name, picture in self._pictures.items():
            self._events.picture(self.done, name, picture)
        if self.settings.patience is None and self._keep_best is None:
            return
        if self.best.consider(self.done, scores) and self._keep_best is not None:
            self._keep_best(self.done, scores)
        if self.best.stop and not self.over:
            self.reason = self.best.stop
            self.announce_stop()

    def _measure(self) -> dict[str, float]:
        try:
            return self.learner.validate(self.done)
        except (RuntimeError, MemoryError, NasError) as error:
            if not is_out_of_memory(error):
                raise
            raise NasError(
                f"validation at step {self.done} of {self.run.folder} ran out of memory, although images are cut into "
                f"tiles; {kept(self.run)}; free memory and continue with {_resume(self.run)}, or "
                "train without validation "
                "(data.validation=0)"
            ) from error

    def save(self, unvalidated: bool = False) -> None:
        """Write a state, after a check that it is finite, and that all ranks hold the same one.

        Args:
            unvalidated: Whether a validation follows, whose scores the state does not have yet.
        """
        content = {
            "learner": self.learner.state_dict(),
            "random": random_state(),
            "scores": self.scores,
            "stopped": self.reason,
            **({"best": best} if (best := self.best.state_dict()) else {}),
            **({"skipped": self.skipped} if self.skipped else {}),
            **({"unvalidated": True} if unvalidated else {}),
        }
        spoilt = first_not_finite({"learner": content["learner"]}, self._constants)
        if spoilt is not None:
            raise self._not_finite(f"{spoilt.removeprefix('learner.')} is not finite")
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
