"""A supernet of which every step trains one uniformly random path; all genotypes inherit its weights.

Guo et al., "Single path one-shot neural architecture search with uniform sampling", ECCV 2020, section 3.3: no
architecture variable is trained, so that no candidate is favoured, and a step runs one candidate on each edge. Strict
fairness: Chu, Zhang and Xu, "FairNAS", ICCV 2021, section 3.2, algorithm 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from nas.config.sections import Section
from nas.errors import UsageError
from nas.space import Genotype, Space
from nas.strategies.base import Batch
from nas.strategies.bilevel import BilevelSettings, BilevelStrategy, numbers
from nas.supernet import Supernet
from nas.supernet.relaxations import softmax
from nas.supernet.single_path import draw_path, extremes
from nas.train.schedules import learning_rate


class SinglePathSettings(BilevelSettings):
    """Settings of the strategy under ``search``.

    Attributes:
        samples: How many random genotypes are compared at the end.
        fairness: ``uniform``: one random path a step, so that candidates are trained equally often on average;
            ``strict``: as many paths a step as an edge has candidates, each candidate in just one of them. The mean of
            their gradients is used; the sum that FairNAS takes differs by a factor, to which Adam is blind.
        sandwich: Whether every step trains, beside its random path, one of the largest and one of the smallest sizes;
            None: where numbers are open.
    """

    samples: int = Field(16, gt=0, description="random genotypes compared at the end")
    fairness: Literal["uniform", "strict"] = Field(
        "uniform", description="uniform: one random path a step; strict: every candidate once in each step (FairNAS)"
    )
    sandwich: bool | None = Field(
        None, description="train the largest and smallest sizes in every step; None: where numbers are open"
    )


class SinglePath(BilevelStrategy):
    """Candidates have full width and edges no weights, as in the derived network."""

    Settings: ClassVar[type[Section]] = SinglePathSettings
    settings: SinglePathSettings
    chooses_at_end: ClassVar[bool] = True
    relaxation: ClassVar[Mapping[str, Any]] = {"partial_channels": 1, "edge_weights": False}

    @staticmethod
    def relaxed(alphas: Tensor) -> Tensor:
        """Equal weights: no path was favoured in training."""
        return softmax(torch.where(torch.isfinite(alphas), 0.0, alphas))

    def step(self, supernet: nn.Module, train_batch: Batch, search_batch: Batch | None) -> dict[str, float]:
        """One step of the weights along random paths; ``search_batch`` is not used."""
        assert isinstance(supernet, Supernet)
        rate = learning_rate(self.train.schedule, self.train.optimizer.lr, self._steps, self.train.steps)
        seed = int(torch.randint(2**31, ()))
        if self.settings.fairness == "strict":
            paths = fair_paths(supernet.space, seed)
        else:
            paths = [draw_path(supernet.space, seed) if self.draw is None else self.draw(seed)]
        paths = [*self._ends(supernet.space, seed), *paths]
        try:
            loss = self.move_weights(supernet, train_batch, rate, [supernet.only(path) for path in paths])
        finally:  # also where the step came to nothing
            self._steps += 1
        return {**numbers({"loss": loss, "lr": rate}), **self._scaling.values()}

    def supernet_options(self) -> dict[str, Any]:
        """Those of every strategy with a supernet, and that a path at a time is enough.

        Raises:
            UsageError: A start scale is wanted, which only a mixture needs.
        """
        if self.settings.start_scale:
            raise UsageError(
                "search.start_scale is for mixtures, and single_path runs one candidate at a time; leave it out"
            )
        return {**super().supernet_options(), "paths": True}

    def _ends(self, space: Space, seed: int) -> tuple[Genotype, ...]:
        wanted = self.settings.sandwich
        sized = any(d.kind == "ordered" for d in space.decisions)
        return extremes(space, seed) if sized and wanted is not False else ()


def fair_paths(space: Space, seed: int) -> list[Genotype]:
    """Paths in which every choice of every decision occurs once (again in turn where others have more choices).

    Limits are not looked at: they hold for the genotypes that are compared at the end.

    Args:
        space: The space.
        seed: Of the orders of the choices.
    """
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(len(decision.choices)) for decision in space.decisions]
    return [
        space.decode([int(order[k % len(order)]) for order in orders]) for k in range(max(map(len, orders), default=1))
    ]


STRATEGY = SinglePath
