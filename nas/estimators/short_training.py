"""The value of a genotype by a short training from scratch."""

from __future__ import annotations

import math
from pathlib import Path
from typing import ClassVar

import torch

from nas.config.runs import SearchSettings
from nas.estimators.base import Estimator, NestedSearch, Report
from nas.estimators.halted import HaltedTrainings
from nas.estimators.pruning import rungs
from nas.signals import stop_if_asked
from nas.space import Genotype, Space
from nas.tasks import Task
from nas.train.finite import NonFiniteError
from nas.train.losses import task_criterion
from nas.train.network_learner import NetworkLearner
from nas.train.state import random_state, restore_random_state
from nas.train.teacher import taught, teacher_of
from nas.train.training_data import TrainingData


class TrainEstimator(Estimator):
    """Trains the derived network for ``search.trial_steps`` steps on the weight images; the value is its PSNR."""

    trains: ClassVar[bool] = True
    halts: ClassVar[bool] = True

    def __init__(self, settings: SearchSettings, space: Space, task: Task, data: TrainingData) -> None:
        super().__init__(settings, space, task, data)
        self._teacher = teacher_of(settings, task)
        self._batches = data.batches("weights")  # shared by all trials: images are read and degraded once
        self._halted = HaltedTrainings(None)

    def prepare(self, folder: Path | None, search: NestedSearch) -> None:
        """Find the trainings that were halted before the search was interrupted."""
        self._halted = HaltedTrainings(None if folder is None else folder / "halted")

    def __call__(self, genotype: Genotype, trial: int, report: Report | None = None) -> dict[str, float]:
        """Train and validate the network of the genotype (see ``Estimator``)."""
        learner, steps = self._learner(genotype, trial), self.settings.search.trial_steps
        learner.begin(0)
        stops = rungs(self.settings.search) if report is not None else ()
        loss = 0.0
        for step in range(steps):
            loss = _step(learner, step)
            if not math.isfinite(loss):
                return {"loss": loss, "psnr": math.nan, "steps": step + 1}
            if report is not None and step + 1 in stops:
                psnr = self.validated(learner.validate(step + 1))
                if report(step + 1, psnr):
                    return {"loss": loss, "psnr": psnr, "steps": step + 1}
        return {"loss": loss, "psnr": self.validated(learner.validate(steps)), "steps": steps}

    def advance(self, genotype: Genotype, trial: int, begun: int, steps: int) -> dict[str, float]:
        """Train on from where the genotype was halted; from the beginning if its state is not there any more."""
        learner, key = self._learner(genotype, trial), f"{genotype.hash}-{trial}"
        kept, first = self._halted.take(key) if begun else None, 0
        if kept is not None and kept["step"] <= begun:
            first = int(kept["step"])
            learner.load_state_dict(kept["learner"])
            restore_random_state(kept["random"])
        learner.begin(first)
        loss = 0.0
        for step in range(first, steps):
            loss = _step(learner, step)
            if not math.isfinite(loss):
                return {"loss": loss, "psnr": math.nan, "steps": max(step + 1 - begun, 1)}
        if steps < self.settings.search.trial_steps:  # as it is before it is validated
            self._halted.keep(key, {"step": steps, "learner": learner.state_dict(), "random": random_state()})
        return {"loss": loss, "psnr": self.validated(learner.validate(steps)), "steps": steps - begun}

    def _learner(self, genotype: Genotype, trial: int) -> NetworkLearner:
        """The network of a genotype before its first step."""
        settings = self.settings.train.model_copy(update={"steps": self.settings.search.trial_steps})
        torch.manual_seed(self.settings.seed * 100_003 + trial)  # the trial's weights do not depend on earlier trials
        model = self.space.network(genotype, self.task)
        criterion = task_criterion(settings.loss, model.descriptor.value_range)
        criterion = taught(criterion, self._teacher, model.descriptor.value_range)
        return NetworkLearner(model, criterion, self._batches, settings, self.settings.device, self.data.validate)


def _step(learner: NetworkLearner, step: int) -> float:
    """The loss of one step; not a number where the training diverges."""
    stop_if_asked()
    try:
        return learner.step(step)["loss"]
    except NonFiniteError:
        return math.nan


ESTIMATOR = TrainEstimator
