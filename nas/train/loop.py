"""The loop itself: steps, log, validation, states. What a step does is the learner's business."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Protocol

from nas.config import TrainSettings
from nas.errors import NasError
from nas.progress import progress
from nas.train.events import Events
from nas.train.run import Run
from nas.train.state import load_state, random_state, restore_random_state, save_state


class Learner(Protocol):
    """What the loop drives: a supernet under a strategy, or a network under a loss.

    ``begin`` is called once with the first step to be done (data iterators start there); ``step`` does one
    step (0-based) and returns scalars for the log, ``loss`` among them; ``report`` returns further events
    (kind, values) at log steps; ``validate`` returns scalars, ``psnr`` among them, or {} when there is
    nothing to validate on; the state is plain values and tensors.
    """

    def begin(self, step: int) -> None: ...
    def step(self, step: int) -> dict[str, float]: ...
    def report(self, step: int) -> Iterator[tuple[str, dict[str, Any]]]: ...
    def validate(self, step: int) -> dict[str, float]: ...
    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state: dict[str, Any]) -> None: ...


def train(learner: Learner, run: Run, settings: TrainSettings, title: str) -> dict[str, float]:
    """Run to ``settings.steps``, continuing from the newest state if there is one; returns the last validation.

    Everything random lives in the state, and data are a function of the step, so that an interrupted run
    continues bit-exactly on CPU (same versions, same number of threads). Raises NasError when the loss is
    no longer finite: the last good state stays on disk.
    """
    start = 0
    scores: dict[str, float] = {}
    state = load_state(run.states)
    if state is not None:
        start, scores = int(state["step"]), dict(state["scores"])
        learner.load_state_dict(state["learner"])
        restore_random_state(state["random"])
    events = Events(run.folder, start)
    learner.begin(start)
    try:
        with progress(title, settings.steps, done=start) as bar:
            for step in range(start, settings.steps):
                done = step + 1
                values = learner.step(step)
                if not math.isfinite(values["loss"]):
                    raise NasError(
                        f"the loss is {values['loss']} at step {done} of {run.folder}; lower train.optimizer.lr or set "
                        "train.clip, and start again"
                    )
                if done % settings.log_every == 0 or done == settings.steps:
                    events.write(done, "train", **values)
                    for kind, more in learner.report(done):
                        events.write(done, kind, **more)
                        if kind == "warning":
                            bar.note(f"warning at step {done}: {more['message']}")
                if done % settings.validate_every == 0 or done == settings.steps:
                    scores = learner.validate(done) or scores
                    if scores:
                        events.write(done, "validation", **scores)
                        bar.note(
                            f"{title}: step {done}, validation " + ", ".join(f"{k} {v:.3f}" for k, v in scores.items())
                        )
                if done % settings.checkpoint_every == 0 or done == settings.steps:
                    state = {"learner": learner.state_dict(), "random": random_state(), "scores": scores}
                    save_state(run.states, done, state)
                bar.advance(detail=f"loss {values['loss']:.3f}")
    finally:
        events.close()
    return scores
