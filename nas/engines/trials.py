"""The engine of strategies that propose whole genotypes, in one process: a step of the loop is a trial."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas.config.runs import SearchSettings
from nas.engines.evaluator import Evaluated, Evaluator
from nas.engines.result import SearchResult, begin, finish, finished
from nas.errors import NasError, UsageError
from nas.estimators.base import NestedSearch
from nas.estimators.pruning import should_stop
from nas.objectives.pareto import ParetoArchive
from nas.registry import ESTIMATORS, STRATEGIES
from nas.space import Genotype
from nas.space.genotype import skip_share
from nas.strategies.base import DiscreteStrategy
from nas.train.loop import train
from nas.train.run import Run
from nas.train.state import seed_everything


def search_by_trials(
    settings: SearchSettings, *, search: NestedSearch, out: str | Path | None, run: Run | None
) -> SearchResult:
    """Ask for a genotype, evaluate it and tell its values until the trials are spent (an ``Engine``)."""
    started = time.monotonic()
    evaluator = Evaluator(settings, run=run)
    seed_everything(settings.seed)
    strategy = STRATEGIES.get(settings.strategy)(settings.search, evaluator.space, settings.seed)
    learner = TrialLearner(evaluator, strategy)
    if run is None:
        run = begin(settings, evaluator.space, evaluator.data, out)
        if run.finished:
            return finished(run)
    trials = settings.search.trials
    steps = settings.train.model_copy(
        update={"steps": trials, "log_every": 1, "validate_every": trials, "checkpoint_every": 1, "patience": None}
    )
    title = f"search {evaluator.space.name} {evaluator.task.name} {settings.strategy}"
    with run.held():
        if learner.evaluates:
            evaluator.estimator.prepare(run.folder, search)
        scores = train(learner, run, steps, title, evaluator.notes).scores
        learner.export(run.folder)
        return finish(run, settings, learner.genotype(), scores, started)


@dataclass(frozen=True)
class Halted:
    """A training that was halted before its end.

    Attributes:
        steps: How far it is.
        quality: What it has reached.
        genotype: What is trained.
    """

    steps: int
    quality: float
    genotype: Genotype


def levels_of(evaluator: Evaluator, strategy: DiscreteStrategy) -> tuple[int, ...]:
    """The steps at which a multi-fidelity strategy can halt trainings with the estimator of the settings.

    Raises:
        UsageError: The estimator halts none, or pruning would end what the strategy halts.
    """
    search, name = evaluator.settings.search, evaluator.settings.strategy
    if not evaluator.estimator.halts:
        able = [other for other in ESTIMATORS.names() if ESTIMATORS.get(other).halts]
        raise UsageError(
            f"strategy {name!r} halts trainings and lets the best go on, which estimator {search.estimator!r} cannot; "
            f"set search.estimator={' or '.join(able)}"
        )
    if search.pruning:
        raise UsageError(f"strategy {name!r} halts trainings itself; set search.pruning=false")
    return evaluator.estimator.levels(strategy.levels)


class TrialLearner:
    """Asks for genotypes, evaluates them, tells their values, and keeps the Pareto archive.

    With a single trial nothing is evaluated: the one genotype is the result.

    Attributes:
        evaluates: Whether trials are evaluated.
        archive: The trials that no other one dominates.
        stopped: Why the search ended before its last trial, or "".
    """

    def __init__(self, evaluator: Evaluator, strategy: DiscreteStrategy) -> None:
        self.evaluator, self.strategy, self.search = evaluator, strategy, evaluator.settings.search
        self.evaluates = self.search.trials > 1
        self.stopped = ""
        self.archive = ParetoArchive(evaluator.objectives)
        if self.evaluates:
            _ = evaluator.estimator  # found out now: settings that do not fit together
            strategy.costs = evaluator.costs
        if self.evaluates and strategy.multi_fidelity:
            strategy.levels = levels_of(evaluator, strategy)
        if evaluator.settings.limits.given:
            strategy.restrict(evaluator.constraints)
        self._only: Genotype | None = None
        self._rungs: dict[int, list[dict[str, float]]] = {}
        self._first: dict[str, int] = {}  # of multi-fidelity strategies: the trial that proposed a genotype first
        self._halted: dict[str, Halted] = {}
        self._ended = 0  # genotypes that no training is left of
        self._done = 0
        self._saved = 0
        self._last: dict[str, Any] = {}
        self._front: list[dict[str, Any]] | None = None

    @property
    def _quality(self) -> str:
        return self.evaluator.objectives[0]

    def begin(self, step: int) -> None:
        """Nothing to do: every trial opens its own batches."""

    def step(self, step: int) -> dict[str, float]:
        """One trial."""
        genotype = self.strategy.ask()
        self._front = None
        if not self.evaluates:
            self._only = genotype
            self._last = {"genotype": genotype.hash, self._quality: 0.0, "skip_share": skip_share(genotype)}
            return {"loss": 0.0, self._quality: 0.0}

        def report(steps: int, quality: float) -> bool:
            values = self.evaluator.objective_values(genotype, quality)
            earlier = self._rungs.setdefault(steps, [])
            stop = should_stop(values, earlier, self.search)
            earlier.append(values)
            return stop

        if self.strategy.multi_fidelity:
            found = self._advance(genotype, step)
        else:
            found = self.evaluator.evaluate(genotype, step, report if self.search.pruning else None)
        self._tell(genotype, found)
        loss = found.scores.get("loss", 0.0)
        quality = {} if found.failure else {self._quality: found.values[self._quality]}
        return {"loss": loss if math.isfinite(loss) else 0.0, **quality}

    def _advance(self, genotype: Genotype, step: int) -> Evaluated:
        """Train a genotype from where it was halted to where the strategy wants it."""
        assert self.strategy.train_to is not None
        before = self._halted.get(genotype.hash)
        stretch = (0 if before is None else before.steps, self.strategy.train_to)
        return self.evaluator.evaluate(genotype, self._first.setdefault(genotype.hash, step), stretch=stretch)

    def _tell(self, genotype: Genotype, found: Evaluated) -> None:
        self.strategy.tell(genotype, None if found.failure else found.values, pruned=found.stopped)
        values = {} if found.failure else {**found.values, **found.costs}
        halted = self._halts(genotype, found)
        complete = found.state == "complete" and not halted
        if complete and self.archive.insert(genotype, values) and len(self.evaluator.objectives) > 1:
            self._front = self.archive.summary()
        self._done += 1
        self._ended += not halted
        if found.stopped:
            self._saved += self.search.trial_steps - found.steps
        self._last = {
            "genotype": genotype.hash,
            **values,
            "skip_share": found.skip_share,
            "state": "halted" if halted else found.state,
            "steps": found.steps,
            **({"trained": self.strategy.train_to} if self.strategy.multi_fidelity else {}),
            "estimator": self.search.estimator,
            **self.evaluator.estimator.facts(),
            **({"saved_steps": self._saved} if self.search.pruning else {}),
            "seconds": round(found.seconds, 3),
        }
        if self._done < self.search.trials and self._ended == self.evaluator.constraints.count():
            self.stopped = f"all {self._ended} allowed genotypes of the space were evaluated"

    def _halts(self, genotype: Genotype, found: Evaluated) -> bool:
        """Whether the training is halted before its end, noted for the case that none comes to it."""
        self._halted.pop(genotype.hash, None)
        reached = self.strategy.train_to if self.strategy.multi_fidelity else None
        if found.failure or reached is None or reached == self.strategy.levels[-1]:
            return False
        self._halted[genotype.hash] = Halted(reached, found.values[self._quality], genotype)
        return True

    def genotype(self) -> Genotype:
        """The best genotype so far; ties are broken by the other objectives, then by costs.

        Raises:
            NasError: No trial has a value.
        """
        if self._only is not None:
            return self._only
        point = self.archive.best(self.evaluator.tie_break)
        if point is None and self._halted:  # the time was up before a training came to its end
            return max(self._halted.values(), key=lambda h: (h.steps, h.quality)).genotype
        if point is None:
            raise NasError(
                f"none of {self._done} trials came to a result; lower train.optimizer.lr or look into events.jsonl"
            )
        return point.genotype

    def report(self, step: int) -> Iterator[tuple[str, dict[str, Any]]]:
        """Events of the last trial: its result, the Pareto front if it changed, warnings."""
        yield "trial", self._last
        if self._front is not None:
            yield "pareto", {"points": self._front}
        advice = self.strategy.advice() if step == 1 else None
        if advice:
            yield "warning", {"message": advice}
        if self._last.get("state") == "failed":
            message = f"trial {step} ({self._last['genotype']}) diverged; lower train.optimizer.lr or set train.clip"
            yield "warning", {"message": message}

    def validate(self, step: int) -> dict[str, float]:
        """The best quality so far; {} if there is none."""
        point = self.archive.best(self.evaluator.tie_break)
        if point is None:
            return {}
        saved = {"saved_steps": float(self._saved)} if self.search.pruning else {}
        return {self._quality: point.values[self._quality], **saved}

    def export(self, folder: Path) -> None:
        """Write the Pareto archive into the run folder if there are several objectives."""
        if len(self.evaluator.objectives) > 1 and self.archive.points:
            self.archive.write(folder)

    def state_dict(self) -> dict[str, Any]:
        """Plain values from which ``load_state_dict`` continues."""
        return {
            "strategy": self.strategy.state_dict(),
            "archive": self.archive.state_dict(),
            "only": self._only.to_json() if self._only is not None else None,
            "rungs": [[steps, list(values)] for steps, values in self._rungs.items()],
            "first": [[key, trial] for key, trial in self._first.items()],
            "halted": [[h.steps, h.quality, h.genotype.to_json()] for h in self._halted.values()],
            "ended": self._ended,
            "done": self._done,
            "saved": self._saved,
            "last": self._last,
            "stopped": self.stopped,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Inverse of ``state_dict``."""
        self.strategy.load_state_dict(state["strategy"])
        self.archive.load_state_dict(state["archive"])
        self._only = Genotype.from_json(state["only"]) if state["only"] is not None else None
        self._rungs = {int(steps): list(values) for steps, values in state["rungs"]}
        self._first = {key: int(trial) for key, trial in state.get("first", ())}
        halted = [Halted(int(s), float(q), Genotype.from_json(g)) for s, q, g in state.get("halted", ())]
        self._halted = {one.genotype.hash: one for one in halted}
        self._ended = int(state.get("ended", state["done"]))
        self._done, self._saved = int(state["done"]), int(state["saved"])
        self._last, self.stopped = state["last"], state["stopped"]
