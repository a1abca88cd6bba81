"""The two shapes of a strategy. A third party subclasses one of them and names it by an entry point.

Who calls what: ``nas.engines.search`` builds the strategy from its settings; for a differentiable one it
builds the supernet with ``supernet_options()``, calls ``prepare`` once and ``step`` once per step; for a
discrete one it calls ``ask`` and ``tell`` in turn. Both are saved and restored through ``state_dict``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np
from torch import Tensor, nn

from nas.config.search import StrategySettings
from nas.config.training import TrainSettings
from nas.objectives.constraints import Constraints
from nas.space import Genotype, Space
from nas.strategies.architecture_loss import ArchitectureLoss

#: (degraded, target), float tensors (N, C, H, W) and (N, C, sH, sW) on 0..255
Batch = tuple[Tensor, Tensor]
#: (forward, batch) -> scalar loss; forward is the supernet or a functional version of it
Loss = Callable[[Callable[[Tensor], Tensor], Batch], Tensor]


class DifferentiableStrategy(ABC):
    """Moves weights and architecture of a supernet by gradients.

    ``architecture_loss`` (regularisers and expected cost) is set before ``prepare`` and is to be added to the loss
    of the architecture. relaxation: what the strategy asks for against the space document.
    """

    differentiable: ClassVar[bool] = True
    relaxation: ClassVar[Mapping[str, Any]] = {}
    architecture_loss: ArchitectureLoss | None = None
    #: no architecture variable is trained: the weights of a step are those of a drawn genotype, and the genotype is
    #: chosen at the end by comparing ``search.samples`` of them; an unfinished run has none yet
    chooses_at_end: ClassVar[bool] = False
    #: seed -> genotype of a step; set by the engine of strategies that choose at the end
    draw: Callable[[int], Genotype] | None = None

    def __init__(self, settings: StrategySettings, train: TrainSettings) -> None:
        self.settings, self.train = settings, train

    def supernet_options(self) -> dict[str, Any]:
        """Keywords for ``Space.supernet``: ``search.partial_channels`` and ``search.edge_weights`` where they are
        given, else the strategy's own relaxation, else that of the space document (no keyword)."""
        given = {"partial_channels": self.settings.partial_channels, "edge_weights": self.settings.edge_weights}
        return {**self.relaxation, **{k: v for k, v in given.items() if v is not None}}

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
    """Proposes whole genotypes and learns their values.

    ``restrict`` is called once before the first ``ask`` when there are hard limits; ``ask`` and ``tell`` take turns.
    No genotype may be asked for twice: trials are expensive. Everything that decides the next proposal is in the
    state, so that a resumed search equals an uninterrupted one.
    """

    differentiable: ClassVar[bool] = False
    chooses_at_end: ClassVar[bool] = False

    def __init__(self, settings: StrategySettings, space: Space, seed: int) -> None:
        self.settings, self.space, self.seed = settings, space, seed
        self.rng = np.random.default_rng(seed)
        self.constraints = Constraints(space)

    def restrict(self, constraints: Constraints) -> None:
        """Propose only what ``constraints`` allows."""
        self.constraints = constraints

    @abstractmethod
    def ask(self) -> Genotype:
        """The next genotype to evaluate, within the limits and not asked for before.

        Raises ExhaustedError when there is none.
        """

    @abstractmethod
    def tell(self, genotype: Genotype, values: Mapping[str, float] | None, *, pruned: bool = False) -> None:
        """The values of an asked genotype by objective (``nas.objectives.objectives.objectives_of``).

        pruned: the trial was stopped early and the values are what it had reached; None: it failed for good
        (its training diverged).
        """

    def advice(self) -> str | None:
        """A warning about these settings, if there is reason for one."""
        return None

    def state_dict(self) -> dict[str, Any]:
        """The random generator as plain values (integers beyond 64 bits as text)."""
        state = dict(self.rng.bit_generator.state)
        return {"rng": {**state, "state": {k: str(v) for k, v in state["state"].items()}}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Inverse of ``state_dict``."""
        saved = state["rng"]
        self.rng.bit_generator.state = {**saved, "state": {k: int(v) for k, v in saved["state"].items()}}
