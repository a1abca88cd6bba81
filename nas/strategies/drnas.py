"""DrNAS: the weights of the candidates are drawn from Dirichlet distributions, whose concentrations are trained.

Chen, Wang, Cheng, Tang and Hsieh, "DrNAS: Dirichlet neural architecture search", ICLR 2021, section 3: a row of
concentrations c = elu(alpha) + 1 gives weights drawn from Dir(c), differentiated along their path (Jankowiak and
Obermeyer, ICML 2018); the distance to the flat Dirichlet, here its Kullback-Leibler divergence (section 3.2), keeps
the draws from growing sparse too early. The genotype is that of the largest concentrations, which are in the order of
the alphas.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from zlib import crc32

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.distributions import Dirichlet, kl_divergence

from nas.config.search import SearchOptions
from nas.config.sections import Section
from nas.config.training import TrainSettings
from nas.strategies.base import Loss
from nas.strategies.bilevel import BilevelSettings, BilevelStrategy


class DrnasSettings(BilevelSettings):
    """Settings of the strategy under ``search``.

    Attributes:
        divergence: Weight of the mean divergence of a row from the flat Dirichlet in the architecture loss.
    """

    divergence: float = Field(1e-3, ge=0, description="weight of the divergence from the flat Dirichlet")


class Drnas(BilevelStrategy):
    """One draw of all rows for the architecture step and one for the weight step; candidates at full width.

    Between steps (in a validation) every edge has the mean weights c / sum(c).
    """

    Settings: ClassVar[type[Section]] = DrnasSettings
    settings: DrnasSettings
    relaxation: ClassVar[Mapping[str, Any]] = {"partial_channels": 1, "edge_weights": False}

    def __init__(self, search: SearchOptions, train: TrainSettings) -> None:
        super().__init__(search, train)
        self._seed: int | None = None

    @staticmethod
    def relaxed(alphas: Tensor) -> Tensor:
        """The mean of the draws."""
        return mean_weights(alphas)

    def prepare(self, supernet: nn.Module, loss: Loss) -> None:
        """Build the optimisers, and let the supernet draw its weights."""
        super().prepare(supernet, loss)
        supernet.relax = self._relax  # type: ignore[assignment]

    def begin_pass(self, supernet: nn.Module) -> None:
        """Choose a draw: all passes of a step see the same one."""
        self._seed = int(torch.randint(2**31, ()))

    def end_step(self) -> dict[str, float]:
        """Drop the draw."""
        self._seed = None
        return {}

    def regularisation(self, supernet: nn.Module) -> Tensor | None:
        """Beta-decay if it is on, and the weighted divergence of the rows from the flat Dirichlet."""
        base = super().regularisation(supernet)
        if not self.settings.divergence:
            return base
        rows = [flat_divergence(supernet.alphas(name)) for name in supernet.groups]  # type: ignore[operator,union-attr]
        mine = self.settings.divergence * torch.cat(rows).mean()
        return mine if base is None else base + mine

    def _relax(self, name: str, alphas: Tensor) -> Tensor:
        """The draw of a cell, or of the sizes."""
        if self._seed is None:
            return mean_weights(alphas)
        with torch.random.fork_rng(devices=[]):  # on the CPU, so that a seed means the same on every device
            torch.manual_seed(self._seed + crc32(name.encode()))
            return drawn_weights(alphas)


def concentrations(alphas: Tensor) -> Tensor:
    """elu(alpha) + 1, above zero; of candidates that an edge lacks (alpha = -inf) zero."""
    return nn.functional.elu(alphas) + 1


def mean_weights(alphas: Tensor) -> Tensor:
    """The expected weights, (E, K); zero where an edge lacks a candidate."""
    found = concentrations(alphas)
    return found / found.sum(dim=1, keepdim=True)


def drawn_weights(alphas: Tensor) -> Tensor:
    """Weights drawn row by row from their Dirichlet distributions, with gradient, (E, K)."""
    rows = []
    for row in alphas:
        there = torch.isfinite(row)
        drawn = Dirichlet(_positive(row[there]).float().cpu()).rsample()
        whole = torch.zeros_like(row)
        rows.append(whole.masked_scatter(there, drawn.to(device=row.device, dtype=row.dtype)))
    return torch.stack(rows)


def flat_divergence(alphas: Tensor) -> Tensor:
    """KL(Dir(c) || Dir(1, ..., 1)) of each row, (E,); zero for c = 1 (alpha = 0)."""
    found = []
    for row in alphas:
        mine = _positive(row[torch.isfinite(row)])
        flat = Dirichlet(torch.ones_like(mine))
        found.append(kl_divergence(Dirichlet(mine), flat))
    return torch.stack(found)


def _positive(alphas: Tensor) -> Tensor:
    return concentrations(alphas).clamp_min(1e-4)


STRATEGY = Drnas
