"""Whole genotypes under a discrete strategy: one step of the loop is one trial."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nas.config.runs import SearchSettings
from nas.engines.setup import costs_for
from nas.errors import NasError
from nas.estimators.base import NestedSearch
from nas.estimators.catalogue import make_estimator
from nas.estimators.pruning import should_stop
from nas.objectives.constraints import Constraints
from nas.objectives.objectives import objectives_of, quality_of
from nas.objectives.pareto import ParetoArchive
from nas.space import Genotype, Space
from nas.space.genotype import skip_share
from nas.strategies.base import DiscreteStrategy
from nas.tasks import Task
from nas.train.training_data import TrainingData


class TrialLearner:
    """Asks for a genotype, has it estimated, tells its objectives, and keeps the Pareto archive.

    The estimate is ``search.estimator``'s: by default a training of ``search.trial_steps`` steps. With a single
    trial nothing is evaluated: the one genotype asked for is the result, at no cost.

    stopped: why the search ended before its last trial, or "".
    """

    def __init__(
        self, space: Space, task: Task, strategy: DiscreteStrategy, settings: SearchSettings, data: TrainingData
    ) -> None:
        self.space, self.task, self.strategy, self.settings = space, task, strategy, settings
        self.objectives = objectives_of(settings.search)
        self.quality = quality_of(settings.search)
        self.stopped = ""
        self.archive = ParetoArchive(self.objectives)
        limited = any((settings.limits.params, settings.limits.macs, settings.limits.latency))
        self._evaluates = settings.search.trials > 1
        self.costs = costs_for(settings, space, task) if self._evaluates or limited else None
        self.constraints = Constraints(space, self.costs, settings.limits)
        if limited:
            strategy.restrict(self.constraints)
        self._estimator = make_estimator(settings, space, task, data)
        self._only: Genotype | None = None
        self._rungs: dict[int, list[dict[str, float]]] = {}
        self._done = 0
        self._saved = 0
        self._last: dict[str, Any] = {}
        self._front: list[dict[str, Any]] | None = None

    def prepare(self, folder: Path | None, search: NestedSearch) -> None:
        """What has to be there before the first trial (a supernet to inherit from); ``folder``: of the run."""
        if self._evaluates:
            self._estimator.prepare(folder, search)

    def begin(self, step: int) -> None:
        """Trials carry no stream from one to the next."""

    def step(self, step: int) -> dict[str, float]:
        genotype = self.strategy.ask()
        self._front = None
        if not self._evaluates:
            self._only = genotype
            self._last = {"genotype": genotype.hash, self.quality: 0.0, "skip_share": skip_share(genotype)}
            return {"loss": 0.0, self.quality: 0.0}
        started = time.perf_counter()
        known = self.costs.of(genotype) if self.costs is not None else {}
        pruned = False

        def report(steps: int, psnr: float) -> bool:
            nonlocal pruned
            values = self._objectives({self.quality: psnr, **known})
            earlier = self._rungs.setdefault(steps, [])
            pruned = should_stop(values, earlier, self.settings.search)
            earlier.append(values)
            return pruned

        found = self._estimator(genotype, step, report if self.settings.search.pruning else None)
        values = {self.quality: found[self.quality], **known}
        failed = not math.isfinite(values[self.quality])
        state = "failed" if failed else "pruned" if pruned else "complete"
        self.strategy.tell(genotype, None if failed else self._objectives(values), pruned=pruned)
        if state == "complete" and self.archive.insert(genotype, values) and len(self.objectives) > 1:
            self._front = self.archive.summary()
        self._done += 1
        steps = int(found.get("steps", 0))
        if pruned:
            self._saved += self.settings.search.trial_steps - steps
        self._note(genotype, {} if failed else values, state, steps, time.perf_counter() - started)
        if self._done < self.settings.search.trials and self._done == self.constraints.count():
            self.stopped = f"all {self._done} allowed genotypes of the space were evaluated"
        loss = found.get("loss", 0.0)
        return {
            "loss": loss if math.isfinite(loss) else 0.0,
            **({} if failed else {self.quality: values[self.quality]}),
        }

    def _objectives(self, values: dict[str, float]) -> dict[str, float]:
        return {name: values[name] for name in self.objectives}

    def _note(self, genotype: Genotype, values: dict[str, float], state: str, steps: int, seconds: float) -> None:
        search = self.settings.search
        self._last = {
            "genotype": genotype.hash,
            **values,
            "skip_share": skip_share(genotype),
            "state": state,
            "steps": steps,
            "estimator": search.estimator,
            **({"proxy": search.proxy} if self.quality == "score" else {}),
            **({"saved_steps": self._saved} if search.pruning else {}),
            "seconds": round(seconds, 3),
        }

    def genotype(self) -> Genotype:
        """The best genotype so far, ties broken by the other objectives and then by cost."""
        if self._only is not None:
            return self._only
        point = self.archive.best(self._cost)
        if point is None:
            raise NasError(
                f"none of {self._done} trials came to an end; lower train.optimizer.lr or look into events.jsonl"
            )
        return point.genotype

    def _cost(self, genotype: Genotype) -> tuple[float, ...]:
        found = self.costs.of(genotype) if self.costs is not None else {}
        return found.get("macs", 0.0), found.get("params", 0.0)

    def report(self, step: int) -> Iterator[tuple[str, dict[str, Any]]]:
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
        point = self.archive.best(self._cost)
        if point is None:
            return {}
        return {
            self.quality: point.values[self.quality],
            **({"saved_steps": float(self._saved)} if self.settings.search.pruning else {}),
        }

    def export(self, folder: Path) -> None:
        """Write the Pareto archive into the run folder, where there are several objectives."""
        if len(self.objectives) > 1 and self.archive.points:
            self.archive.write(folder)

    def state_dict(self) -> dict[str, Any]:
        return {
            "strategy": self.strategy.state_dict(),
            "archive": self.archive.state_dict(),
            "only": self._only.to_json() if self._only is not None else None,
            "rungs": [[steps, list(values)] for steps, values in self._rungs.items()],
            "done": self._done,
            "saved": self._saved,
            "last": self._last,
            "stopped": self.stopped,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.strategy.load_state_dict(state["strategy"])
        self.archive.load_state_dict(state["archive"])
        self._only = Genotype.from_json(state["only"]) if state["only"] is not None else None
        self._rungs = {int(steps): list(values) for steps, values in state["rungs"]}
        self._done, self._saved = int(state["done"]), int(state["saved"])
        self._last, self.stopped = state["last"], state["stopped"]
