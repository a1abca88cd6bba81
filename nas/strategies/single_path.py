"""A supernet of which every step trains one uniformly random path; all genotypes inherit its weights.

Guo et al., "Single path one-shot neural architecture search with uniform sampling", ECCV 2020, section 3.3: no
architecture variable is trained, so that no candidate is favoured, and a step runs one candidate on each edge.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import nn

from nas.config.sections import Section
from nas.strategies.base import Batch
from nas.strategies.bilevel import BilevelSettings, BilevelStrategy, numbers
from nas.supernet import Supernet
from nas.supernet.single_path import draw_path
from nas.train.schedules import learning_rate


class SinglePathSettings(BilevelSettings):
    """Settings of the strategy under ``search``.

    Attributes:
        samples: How many random genotypes are compared at the end.
    """

    samples: int = Field(16, gt=0, description="random genotypes compared at the end")


class SinglePath(BilevelStrategy):
    """Candidates have full width and edges no weights, as in the derived network."""

    Settings: ClassVar[type[Section]] = SinglePathSettings
    settings: SinglePathSettings
    chooses_at_end: ClassVar[bool] = True
    relaxation: ClassVar[Mapping[str, Any]] = {"partial_channels": 1, "edge_weights": False}

    def step(self, supernet: nn.Module, train_batch: Batch, search_batch: Batch | None) -> dict[str, float]:
        """One step of the weights along a random path; ``search_batch`` is not used."""
        assert isinstance(supernet, Supernet)
        rate = learning_rate(self.train.schedule, self.train.optimizer.lr, self._steps, self.train.steps)
        seed = int(torch.randint(2**31, ()))
        path = draw_path(supernet.space, seed) if self.draw is None else self.draw(seed)
        try:
            with supernet.only(path):
                loss = self.move_weights(supernet, train_batch, rate)
        finally:  # also where the step came to nothing
            self._steps += 1
        return {**numbers({"loss": loss, "lr": rate}), **self._scaling.values()}


STRATEGY = SinglePath
