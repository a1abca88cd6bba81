"""What any process needs to evaluate genotypes of a search: space, task, images, costs, estimator."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from functools import cached_property

import torch

from nas.config.runs import SearchSettings
from nas.engines.setup import costs_for, space_of
from nas.estimators.catalogue import Estimator, Report, make_estimator
from nas.objectives.constraints import Constraints
from nas.objectives.costs import GenotypeCosts
from nas.objectives.objectives import objectives_of
from nas.registry import load_plugins
from nas.space import Genotype, Space
from nas.space.genotype import skip_share
from nas.tasks import Task, get_task
from nas.train.training_data import TrainingData, check_settings, open_training_data

#: share of the training images that train weights and architecture, as in every search
SHARES = {"weights": 0.5, "architecture": 0.5}


@dataclass(frozen=True)
class Evaluated:
    """One genotype's result. values: by objective; scores: everything the estimator says; seconds: of work.

    failure: why there are no values (the training diverged), else "". stopped: the training was ended at a rung.
    """

    values: dict[str, float]
    scores: dict[str, float]
    seconds: float
    skip_share: float
    failure: str = ""
    stopped: bool = False


class Evaluator:
    """Built from settings alone, so that it is the same in every process; parts are made when first needed.

    space: given when it comes from elsewhere than the settings (a shared study holds its document).
    """

    def __init__(self, settings: SearchSettings, space: Space | None = None) -> None:
        load_plugins(settings.plugins)
        self.settings = settings
        self.task: Task = get_task(settings.task)
        check_settings(settings, self.task)
        self.space = space if space is not None else space_of(settings)
        self.objectives = objectives_of(settings.search)
        if settings.threads:
            torch.set_num_threads(settings.threads)

    @cached_property
    def data(self) -> TrainingData:
        """Images and batches."""
        return open_training_data(self.settings, self.task, SHARES)

    @cached_property
    def costs(self) -> GenotypeCosts | None:
        """Costs by genotype, as the strategies in one process have them."""
        return costs_for(self.settings, self.space, self.task)

    @cached_property
    def constraints(self) -> Constraints:
        """Which genotypes keep the limits."""
        limits = self.settings.limits
        if limits.params is None and limits.macs is None and limits.latency is None:
            return Constraints(self.space)
        return Constraints(self.space, self.costs, limits)

    def costs_of(self, genotype: Genotype) -> dict[str, float]:
        """Costs by name; {} where they are unknown: only in searches without limits on them and objectives of them."""
        return self.costs.of(genotype) if self.costs is not None else {}

    def cost(self, genotype: Genotype) -> tuple[float, ...]:
        """What ties in quality are broken by: parameters, multiply-adds."""
        costs = self.costs_of(genotype)
        return tuple(costs[name] for name in ("params", "macs") if name in costs)

    @cached_property
    def estimator(self) -> Estimator:
        """What gives a genotype its value; call its ``prepare`` before the first one."""
        return make_estimator(self.settings, self.space, self.task, self.data)

    def evaluate(self, genotype: Genotype, trial: int, report: Report | None = None) -> Evaluated:
        """The values of one genotype; ``trial`` (its slot) seeds it, so that any process finds the same.

        A training that diverges is the genotype's failure; exceptions are this process's own.
        """
        started = time.monotonic()
        told: list[bool] = [False]

        def remember(step: int, value: float) -> bool:
            assert report is not None
            told[0] = report(step, value)
            return told[0]

        scores = dict(self.estimator(genotype, trial, remember if report is not None else None))
        failure = ""
        values: dict[str, float] = {}
        if not math.isfinite(scores[self.objectives[0]]):
            failure = f"its {self.objectives[0]} is {scores[self.objectives[0]]}: the training diverged"
        else:
            costs = self.costs_of(genotype) if len(self.objectives) > 1 else {}
            values = {name: scores[name] if name in scores else costs[name] for name in self.objectives}
        return Evaluated(values, scores, time.monotonic() - started, skip_share(genotype), failure, told[0])
