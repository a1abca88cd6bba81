"""A proxy at initialisation: one or two passes instead of a training."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from pydantic import Field

from nas.config.runs import SearchSettings
from nas.config.sections import Section
from nas.estimators.base import Estimator, Report
from nas.estimators.proxies import proxy
from nas.space import Genotype, Space
from nas.tasks import Task
from nas.train.losses import task_criterion
from nas.train.training_data import TrainingData


class ZeroCostSettings(Section):
    """Settings under ``search`` of the zero-cost proxies."""

    proxy: str = Field("synflow", description="synflow, naswot or gradient_norm")


class ZeroCostEstimator(Estimator):
    """The score of ``search.proxy`` on the first training batch and the seed's own weights, whatever the trial.

    A score orders genotypes at best; it is no PSNR and is never called one. On this platform's spaces the rank
    correlation with trained networks was found near zero: use it to explore, and retrain what it finds.
    """

    Settings: ClassVar[type[Section]] = ZeroCostSettings
    quality: ClassVar[str] = "score"
    own: ZeroCostSettings

    def __init__(self, settings: SearchSettings, space: Space, task: Task, data: TrainingData) -> None:
        super().__init__(settings, space, task, data)
        self._proxy = proxy(self.own.proxy)
        self._batches = data.batches("weights")

    def facts(self) -> dict[str, Any]:
        """The proxy's name."""
        return {"proxy": self.own.proxy}

    def __call__(self, genotype: Genotype, trial: int, report: Report | None = None) -> dict[str, float]:
        torch.manual_seed(self.settings.seed)
        model = self.space.network(genotype, self.task).to(self.settings.device)
        scale = model.descriptor.value_range / 255.0
        degraded, target = ((tensor * scale).to(self.settings.device) for tensor in next(self._batches(0)))
        criterion = task_criterion(self.settings.train.loss, model.descriptor.value_range)
        return {"score": self._proxy(model, degraded, target, criterion), "steps": 0}


ESTIMATOR = ZeroCostEstimator
