"""The value of a genotype by a zero-cost proxy: one or two passes at initialisation instead of a training."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from pydantic import Field

from nas.config.runs import SearchSettings
from nas.config.sections import Section
from nas.estimators.base import Estimator, Report
from nas.estimators.proxies import PROXIES, proxy
from nas.space import Genotype, Space
from nas.tasks import Task
from nas.train.losses import task_criterion
from nas.train.training_data import TrainingData


class ZeroCostSettings(Section):
    """Settings of the estimator under ``search``.

    Attributes:
        proxy: Name of the proxy: synflow, naswot or gradient_norm.
    """

    proxy: str = Field("synflow", description="name of the proxy: synflow, naswot or gradient_norm")


class ZeroCostEstimator(Estimator):
    """The score of ``search.proxy`` on the first training batch, with initial weights of the seed for every trial.

    A score is not a PSNR: at best it ranks genotypes. On the spaces of this platform its rank correlation with trained
    networks was found to be near zero: use it to explore, and retrain what it finds.
    """

    Settings: ClassVar[type[Section]] = ZeroCostSettings
    quality: ClassVar[str] = "score"
    own: ZeroCostSettings

    def __init__(self, settings: SearchSettings, space: Space, task: Task, data: TrainingData) -> None:
        super().__init__(settings, space, task, data)
        self._proxy = proxy(self.own.proxy)
        self._batches = data.batches("weights")

    @classmethod
    def variants(cls) -> list[dict[str, Any]]:
        """Every proxy."""
        return [{"proxy": name} for name in PROXIES]

    def facts(self) -> dict[str, Any]:
        """The name of the proxy."""
        return {"proxy": self.own.proxy}

    def __call__(self, genotype: Genotype, trial: int, report: Report | None = None) -> dict[str, float]:
        """Score the network of the genotype at initialisation (see ``Estimator``)."""
        torch.manual_seed(self.settings.seed)
        model = self.space.network(genotype, self.task).to(self.settings.device)
        scale = model.descriptor.value_range / 255.0
        degraded, target = ((tensor * scale).to(self.settings.device) for tensor in next(self._batches(0)))
        criterion = task_criterion(self.settings.train.loss, model.descriptor.value_range)
        return {"score": self._proxy(model, degraded, target, criterion), "steps": 0}


ESTIMATOR = ZeroCostEstimator
