"""The value of a genotype by a short training from scratch."""

from __future__ import annotations

import math
from typing import ClassVar

import torch

from nas.config.runs import SearchSettings
from nas.estimators.base import Estimator, Report
from nas.estimators.pruning import rungs
from nas.signals import stop_if_asked
from nas.space import Genotype, Space
from nas.tasks import Task
from nas.train.finite import NonFiniteError
from nas.train.losses import task_criterion
from nas.train.network_learner import NetworkLearner
from nas.train.teacher import taught, teacher_of
from nas.train.training_data import TrainingData


class TrainEstimator(Estimator):
    """Trains the derived network for ``search.trial_steps`` steps on the weight images; the value is its PSNR."""

    trains: ClassVar[bool] = True

    def __init__(self, settings: SearchSettings, space: Space, task: Task, data: TrainingData) -> None:
        super().__init__(settings, space, task, data)
        self._teacher = teacher_of(settings, task)
        self._batches = data.batches("weights")  # shared by all trials: images are read and degraded once

    def __call__(self, genotype: Genotype, trial: int, report: Report | None = None) -> dict[str, float]:
        """Train and validate the network of the genotype (see ``Estimator``)."""
        search = self.settings.search
        settings = self.settings.train.model_copy(update={"steps": search.trial_steps})
        torch.manual_seed(self.settings.seed * 100_003 + trial)  # the trial's weights do not depend on earlier trials
        model = self.space.network(genotype, self.task)
        criterion = task_criterion(settings.loss, model.descriptor.value_range)
        criterion = taught(criterion, self._teacher, model.descriptor.value_range)
        learner = NetworkLearner(model, criterion, self._batches, settings, self.settings.device, self.data.validate)
        learner.begin(0)
        stops = rungs(search) if report is not None else ()
        loss = 0.0
        for step in range(settings.steps):
            stop_if_asked()
            try:
                loss = learner.step(step)["loss"]
            except NonFiniteError:
                loss = math.nan
            if not math.isfinite(loss):
                return {"loss": loss, "psnr": math.nan, "steps": step + 1}
            if report is not None and step + 1 in stops:
                psnr = self.validated(learner.validate(step + 1))
                if report(step + 1, psnr):
                    return {"loss": loss, "psnr": psnr, "steps": step + 1}
        return {"loss": loss, "psnr": self.validated(learner.validate(settings.steps)), "steps": settings.steps}


ESTIMATOR = TrainEstimator
