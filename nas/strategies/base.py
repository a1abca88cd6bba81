"""The two shapes of a strategy. A third party subclasses one of them and names it by an entry point.

Who calls what: ``nas.strategies.search`` builds the strategy from its settings; for a differentiable one it
builds the supernet with ``supernet_options()``, calls ``prepare`` once and ``step`` once per step; for a
discrete one it calls ``ask`` and ``tell`` in turn. Both are saved and restored through ``state_dict``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from nas.config import StrategySettings, TrainSettings
from nas.space import Genotype, Space

#: (degraded, target), float tensors (N, C, H, W) and (N, C, sH, sW) on 0..255
Batch = tuple[Tensor, Tensor]
#: (forward, batch) -> scalar loss; forward is the supernet or a functional version of it
Loss = Callable[[Callable[[Tensor], Tensor], Batch], Tensor]


class DifferentiableStrategy(ABC):
    """Moves weights and architecture of a supernet by gradients."""

    differentiable: ClassVar[bool] = True

    def __init__(self, settings: StrategySettings, train: TrainSettings) -> None:
        self.settings, self.train = settings, train

    def supernet_options(self) -> dict[str, Any]:
        """Keywords for ``Space.supernet``; by default the relaxation the space document asks for."""
        return {}

    @abstractmethod
    def prepare(self, supernet: nn.Module, loss: Loss) -> None:
        """Build optimisers for this supernet; called once, before a state is loaded."""

    @abstractmethod
    def step(self, supernet: nn.Module, train_batch: Batch, search_batch: Batch | None) -> dict[str, float]:
        """One step: architecture first (on ``search_batch``; None during warm-up), then weights.

        Returns scalars for the log: ``loss``, ``lr`` and, after an architecture step, ``arch_loss``.
        """

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Plain values and tensors that ``load_state_dict`` continues from bit-exactly."""

    @abstractmethod
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Inverse of ``state_dict``."""


class DiscreteStrategy(ABC):
    """Proposes whole genotypes and learns of their value (validation PSNR in dB, higher is better)."""

    differentiable: ClassVar[bool] = False

    def __init__(self, settings: StrategySettings, space: Space, seed: int) -> None:
        self.settings, self.space = settings, space
        self.rng = np.random.default_rng(seed)

    @abstractmethod
    def ask(self) -> Genotype:
        """The next genotype to evaluate."""

    @abstractmethod
    def tell(self, genotype: Genotype, value: float) -> None:
        """The value of an asked genotype."""

    def state_dict(self) -> dict[str, Any]:
        """The random generator as plain values (integers beyond 64 bits as text)."""
        state = dict(self.rng.bit_generator.state)
        return {"rng": {**state, "state": {k: str(v) for k, v in state["state"].items()}}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Inverse of ``state_dict``."""
        saved = state["rng"]
        self.rng.bit_generator.state = {**saved, "state": {k: int(v) for k, v in saved["state"].items()}}


def mean_entropy(probabilities: Tensor) -> list[float]:
    """Entropy in nats of each edge's distribution (E, candidates); zeros stand where an edge has no such candidate."""
    p = probabilities.detach().double()
    return [float(v) for v in -(p * torch.log(p.clamp_min(1e-30))).sum(dim=1)]
