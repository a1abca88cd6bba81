"""The loop itself: steps, log, validation, states. What a step does is the learner's business."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from nas.config.training import TrainSettings
from nas.errors import Interrupted, NasError
from nas.progress import progress
from nas.train import distributed
from nas.train.events import Events, NoEvents
from nas.train.run import Run
from nas.train.signals import listening
from nas.train.state import load_state, random_state, restore_random_state, save_state


class Learner(Protocol):
    """What the loop drives: a supernet under a strategy, or a network under a loss.

    ``begin`` is called once with the first step to be done (data iterators start there); ``step`` does one
    step (0-based) and returns scalars for the log, ``loss`` among them; ``report`` returns further events
    (kind, values) at log steps; ``validate`` returns scalars, ``psnr`` among them, or {} when there is
    nothing to validate on; the state is plain values and tensors. A learner may have an attribute ``stopped``:
    a sentence in it, not "", ends the run before its last step.

    Every rank calls all of them, with its slice of each batch; what ``TrainingData.validate``
    measures is the same on all.
    """

    def begin(self, step: int) -> None: ...
    def step(self, step: int) -> dict[str, float]: ...
    def report(self, step: int) -> Iterator[tuple[str, dict[str, Any]]]: ...
    def validate(self, step: int) -> dict[str, float]: ...
    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state: dict[str, Any]) -> None: ...


@dataclass(frozen=True)
class Ending:
    """How a training ended: last validation scores, steps done, why before the last step ("" if not)."""

    scores: dict[str, float]
    steps: int
    reason: str


def train(learner: Learner, run: Run, settings: TrainSettings, title: str) -> Ending:
    """Run to ``settings.steps``, continuing from the newest state if there is one.

    Ends earlier when ``settings.time`` seconds of work are spent (rank 0's clock; earlier parts of the run count,
    but not what died unsaved) or when the learner is ``stopped``: then an event ``stop`` holds the reason, and
    validation and state are as after the last step.

    Everything random lives in the state, and data are a function of the step, so that an interrupted run
    continues bit-exactly on CPU (same versions, same number of threads and ranks). Raises NasError when the loss is
    no longer finite or the ranks no longer agree: the last good state stays on disk. Raises Interrupted on SIGINT
    or SIGTERM: after the step at hand, with a state saved, or at once where every step saves one anyway.
    """
    notes: list[str] = []
    state = distributed.lead(lambda: _newest(learner, run, notes.append), distributed.share_state)
    start, scores, reason, spent = 0, dict[str, float](), "", 0.0
    if state is not None:
        start, scores = int(state["step"]), dict(state["scores"])
        reason, spent = state.get("stopped", ""), state.get("seconds", 0.0)  # older states have neither
        learner.load_state_dict(state["learner"])
        restore_random_state(state["random"])
        if (before := state.get("ranks", 1)) != distributed.ranks():
            notes.append(
                f"the run has had {before} process(es) and goes on with {distributed.ranks()}; data.batch is "
                "per process, so every step now sees another number of patches"
            )
        del state
    done, begun = start, time.monotonic()

    def seconds() -> float:
        return spent + time.monotonic() - begun

    def where() -> str:
        return f"interrupted at step {done} of {settings.steps}; continue with 'nas {run.kind} --resume {run.folder}'"

    def save() -> None:
        content = {"learner": learner.state_dict(), "random": random_state(), "scores": scores, "stopped": reason}
        distributed.identical(content, f"after step {done}")
        if distributed.leads():
            save_state(run.states, done, {**content, "seconds": seconds(), "ranks": distributed.ranks()})

    events = Events(run.folder, start) if distributed.leads() else NoEvents()
    learner.begin(start)
    at_once = settings.checkpoint_every == 1 and distributed.ranks() == 1
    left = None if settings.time is None else settings.time - spent
    quiet = not distributed.leads()
    try:
        with (
            progress(title, settings.steps, done=start, quiet=quiet, limit=left) as bar,
            listening(at_once, where) as ear,
        ):
            for note in notes:
                bar.note(note)
            while done < settings.steps and not reason:
                values = learner.step(done)
                done += 1
                late = settings.time is not None and seconds() >= settings.time
                values, ended, interrupted = _agree(values, late or _stopped(learner) != "", ear.received != 0)
                if not math.isfinite(values["loss"]):
                    raise NasError(
                        f"the loss is {values['loss']} at step {done} of {run.folder}; lower train.optimizer.lr or set "
                        "train.clip, and start again"
                    )
                if ended:
                    reason = distributed.share(_stopped(learner) or f"the time budget of {settings.time} s is spent")
                if done % settings.log_every == 0 or done == settings.steps or reason:
                    events.write(done, "train", **values)
                    for kind, more in learner.report(done):
                        events.write(done, kind, **more)
                        if kind == "warning":
                            bar.note(f"warning at step {done}: {more['message']}")
                    reason = distributed.share(reason or _stopped(learner))
                last = done == settings.steps or bool(reason)
                if reason and done < settings.steps:
                    events.write(done, "stop", reason=reason)
                    bar.note(f"{title}: stopped at step {done}, {reason}")
                if done % settings.validate_every == 0 or last:
                    scores = learner.validate(done) or scores
                    if scores:
                        events.write(done, "validation", **scores)
                        bar.note(
                            f"{title}: step {done}, validation " + ", ".join(f"{k} {v:.3f}" for k, v in scores.items())
                        )
                if done % settings.checkpoint_every == 0 or last or interrupted:
                    save()
                bar.advance(detail=f"loss {values['loss']:.3f}")
                if interrupted and not last:
                    raise ear.interruption()
    except Interrupted as ended_early:  # perhaps of a training within a step, which knows only its own folder
        raise Interrupted(where(), ended_early.exit_code - 128) from ended_early
    finally:
        events.close()
    return Ending(scores, done, reason if done < settings.steps else "")


def _stopped(learner: Learner) -> str:
    """Why the learner wants to stop, or ""."""
    return str(getattr(learner, "stopped", None) or "")


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
