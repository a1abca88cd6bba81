"""Whole genotypes under a discrete strategy: one step of the loop is one trial."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from nas.config import SearchSettings
from nas.errors import NasError
from nas.space import Genotype, Space
from nas.strategies.base import DiscreteStrategy
from nas.strategies.supernet_learner import skip_share
from nas.tasks import Task
from nas.train.feeding import Feed
from nas.train.losses import task_criterion
from nas.train.network_learner import NetworkLearner


class TrialLearner:
    """Asks for a genotype, trains it ``search.trial_steps`` steps, tells its validation PSNR.

    With a single trial nothing is trained: the one genotype asked for is the result, at no cost.
    """

    def __init__(
        self, space: Space, task: Task, strategy: DiscreteStrategy, settings: SearchSettings, feed: Feed
    ) -> None:
        self.space, self.task, self.strategy, self.settings, self.feed = space, task, strategy, settings, feed
        self._best: tuple[float, dict[str, Any]] | None = None
        self._last: dict[str, Any] = {}

    def begin(self, step: int) -> None:
        """Trials carry no stream from one to the next."""

    def step(self, step: int) -> dict[str, float]:
        genotype = self.strategy.ask()
        loss, value = 0.0, 0.0
        if self.settings.search.trials > 1:
            loss, value = self._evaluate(genotype, step)
            self.strategy.tell(genotype, value)
        if self._best is None or value > self._best[0]:
            self._best = (value, genotype.to_json())
        self._last = {"genotype": genotype.hash, "psnr": value, "skip_share": skip_share(genotype)}
        return {"loss": loss, "psnr": value}

    def _evaluate(self, genotype: Genotype, trial: int) -> tuple[float, float]:
        settings = self.settings.train.model_copy(update={"steps": self.settings.search.trial_steps})
        torch.manual_seed(self.settings.seed * 100_003 + trial)  # the trial's weights do not depend on earlier trials
        model = self.space.network(genotype, self.task)
        criterion = task_criterion(settings.loss, model.descriptor.value_range)
        learner = NetworkLearner(
            model, criterion, self.feed.batches("weights"), settings, self.settings.device, self.feed.validate
        )
        learner.begin(0)
        loss = 0.0
        for step in range(settings.steps):
            loss = learner.step(step)["loss"]
        scores = learner.validate(settings.steps)
        if not scores:
            raise NasError(
                "trials are compared on validation images, of which there are none; set data.validation above 0"
            )
        return loss, scores["psnr"]

    def genotype(self) -> Genotype:
        """The best genotype so far (the first asked among equals)."""
        if self._best is None:
            raise NasError("no trial was done; set search.trials to at least 1")
        return Genotype.from_json(self._best[1])

    def report(self, step: int) -> Iterator[tuple[str, dict[str, Any]]]:
        yield "trial", self._last

    def validate(self, step: int) -> dict[str, float]:
        return {"psnr": self._best[0]} if self._best is not None and self.settings.search.trials > 1 else {}

    def state_dict(self) -> dict[str, Any]:
        return {"strategy": self.strategy.state_dict(), "best": self._best, "last": self._last}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.strategy.load_state_dict(state["strategy"])
        self._best, self._last = state["best"], state["last"]
