"""The value of one genotype in a search: the only place where it is trained, measured and its costs are counted.

The trials of one process, the workers of a shared study and the trials of NNI all use it.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from functools import cached_property

from nas.config.runs import SearchSettings
from nas.engines.setup import SHARES, space_of, trial_costs, use_threads
from nas.estimators.base import Estimator, Report
from nas.objectives.constraints import Constraints
from nas.objectives.costs import GenotypeCosts
from nas.objectives.objectives import objectives_of
from nas.registry import ESTIMATORS, load_plugins
from nas.space import Genotype, Space
from nas.space.genotype import skip_share
from nas.tasks import Task, get_task
from nas.train.run import Run
from nas.train.training_data import TrainingData, check_settings, open_training_data


@dataclass(frozen=True)
class Evaluated:
    """One genotype's result.

    Attributes:
        values: Values by objective; {} if the training diverged.
        costs: Costs by name; {} if they are unknown.
        scores: Everything that the estimator returned.
        seconds: Seconds of work.
        skip_share: Share of skip connections among the chosen blocks, 0..1.
        failure: Why there are no values, or "".
        stopped: Whether the trial was pruned.
    """

    values: dict[str, float]
    costs: dict[str, float]
    scores: dict[str, float]
    seconds: float
    skip_share: float
    failure: str = ""
    stopped: bool = False

    @property
    def steps(self) -> int:
        """Training steps taken."""
        return int(self.scores.get("steps", 0))

    @property
    def state(self) -> str:
        """``complete``, ``pruned`` or ``failed``."""
        return "failed" if self.failure else "pruned" if self.stopped else "complete"


class Evaluator:
    """Evaluates genotypes as the settings say.

    It is built from settings alone, so that it is the same in every process; its members are made when first needed.

    Args:
        settings: The search.
        space: The search space, if it is not read as the settings say: a shared study holds its document.
        run: A run that goes on: its space and its split of the images are the recorded ones.

    Attributes:
        notes: Sentences for the user, to be told where the search begins.
    """

    def __init__(self, settings: SearchSettings, space: Space | None = None, run: Run | None = None) -> None:
        load_plugins(settings.plugins)
        self.settings, self._run = settings, run
        self.task: Task = get_task(settings.task)
        check_settings(settings, self.task)
        self.space = space if space is not None else space_of(settings, run)
        self.objectives = objectives_of(settings.search)
        self.notes = use_threads(settings)

    @cached_property
    def data(self) -> TrainingData:
        """Images and batches."""
        return open_training_data(self.settings, self.task, SHARES, self._run)

    @cached_property
    def costs(self) -> GenotypeCosts | None:
        """Costs of genotypes; None if they are unknown and only ties would need them."""
        return trial_costs(self.settings, self.space, self.task)

    @cached_property
    def constraints(self) -> Constraints:
        """Which genotypes keep the limits."""
        if not self.settings.limits.given:
            return Constraints(self.space)
        return Constraints(self.space, self.costs, self.settings.limits)

    @cached_property
    def estimator(self) -> Estimator:
        """The estimator of the settings; call its ``prepare`` before the first genotype."""
        made: Estimator = ESTIMATORS.get(self.settings.search.estimator)(
            self.settings, self.space, self.task, self.data
        )
        return made

    def costs_of(self, genotype: Genotype) -> dict[str, float]:
        """Costs by name; {} if they are unknown."""
        return self.costs.of(genotype) if self.costs is not None else {}

    def tie_break(self, genotype: Genotype) -> tuple[float, ...]:
        """What breaks ties in quality: parameters, then multiply-adds; less is better."""
        costs = self.costs_of(genotype)
        return tuple(costs[name] for name in ("params", "macs") if name in costs)

    def objective_values(self, genotype: Genotype, quality: float) -> dict[str, float]:
        """The values by objective of a genotype that has reached ``quality``."""
        costs = self.costs_of(genotype) if len(self.objectives) > 1 else {}
        return {name: quality if name == self.objectives[0] else costs[name] for name in self.objectives}

    def evaluate(
        self, genotype: Genotype, trial: int, report: Report | None = None, stretch: tuple[int, int] | None = None
    ) -> Evaluated:
        """Estimate the value of one genotype.

        Args:
            genotype: A genotype of the space.
            trial: Index of the trial, from 0; it seeds the trial, so that every process finds the same value.
            report: Called at the rungs of pruning; True ends the trial there. None without pruning.
            stretch: Train from the first of these steps, where the genotype was halted, up to the second
                (``Estimator.advance``); None trains it whole.

        Returns:
            The result. A training that diverges is a failure of the genotype; an exception is one of this process.
        """
        started = time.monotonic()
        told: list[bool] = [False]

        def remember(step: int, value: float) -> bool:
            assert report is not None
            told[0] = report(step, value)
            return told[0]

        if stretch is None:
            scores = dict(self.estimator(genotype, trial, remember if report is not None else None))
        else:
            scores = dict(self.estimator.advance(genotype, trial, *stretch))
        quality, failure, values = scores[self.objectives[0]], "", {}
        if math.isfinite(quality):
            values = self.objective_values(genotype, quality)
        else:
            failure = f"its {self.objectives[0]} is {quality}: the training diverged"
        return Evaluated(
            values=values,
            costs=self.costs_of(genotype),
            scores=scores,
            seconds=time.monotonic() - started,
            skip_share=skip_share(genotype),
            failure=failure,
            stopped=told[0],
        )
