"""The two shapes of a strategy. A third party subclasses one of them and names it by an entry point.

Who calls what: the engine that carries out a search (``nas.engines``) builds the strategy from the settings. For a
differentiable one it builds the supernet with ``supernet_options()``, calls ``prepare`` once and ``step`` once per
step; for a discrete one it calls ``ask`` and ``tell`` in turn. Both are saved and restored through ``state_dict``.

A strategy owns its settings: a pydantic model that it names ``Settings``. Users type its keys under ``search``
(``--set search.temperature=3``), and the strategy finds them, checked, in ``self.settings``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field
from torch import Tensor, nn

from nas.config.runs import SearchSettings
from nas.config.search import SearchOptions
from nas.config.sections import Section
from nas.config.training import OptimizerSettings, TrainSettings
from nas.objectives.constraints import Constraints
from nas.space import Genotype, Space
from nas.strategies.architecture_loss import ArchitectureLoss
from nas.train.run import Run

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

#: (degraded, target), float tensors (N, C, H, W) and (N, C, sH, sW) on 0..255
Batch = tuple[Tensor, Tensor]
#: (forward, batch) -> scalar loss; forward is the supernet or a functional version of it
Loss = Callable[[Callable[[Tensor], Tensor], Batch], Tensor]


class Strategy(ABC):
    """What the platform asks of any strategy before it is built.

    Attributes:
        Settings: Model of the keys under ``search`` that the strategy owns.
        differentiable: Whether it moves a supernet by gradients, rather than proposing whole genotypes.
        chooses_at_end: Whether the genotype is chosen only at the end of the search, by comparing
            ``Settings.samples`` genotypes under the supernet's weights; an unfinished run then has none yet.
        external: Whether it brings an engine of its own, the static method ``carry_out``.
    """

    Settings: ClassVar[type[Section]] = Section
    differentiable: ClassVar[bool]
    chooses_at_end: ClassVar[bool] = False
    external: ClassVar[bool] = False

    @staticmethod
    def carry_out(
        settings: SearchSettings,
        *,
        search: Callable[[SearchSettings, Path], Path],
        out: str | Path | None,
        run: Run | None,
    ) -> Any:
        """A whole search by the strategy's own engine; called only where ``external`` is true.

        Args:
            settings: The search.
            search: Carries out another search inside this one: (settings, folder) -> its run folder.
            out: Where the run folder shall be; None for the default name.
            run: The folder of an interrupted search that goes on, else None.

        Returns:
            A ``nas.engines.result.SearchResult``.
        """
        raise NotImplementedError


class GradientSettings(Section):
    """Settings under ``search`` that every differentiable strategy has."""

    warmup: float = Field(0.2, ge=0, le=1, description="share of the steps before the first architecture step")
    partial_channels: int | None = Field(None, ge=1, le=64, description="1: off; None: as strategy and space say")
    edge_weights: bool | None = Field(None, description="None: as strategy and space say")
    optimizer: OptimizerSettings = Field(
        OptimizerSettings(lr=1e-3, weight_decay=1e-3), description="of the architecture variables"
    )
    entropy: float = Field(0.0, description="weight of the mean edge entropy in the architecture loss")
    skip: float = Field(0.0, ge=0, description="weight of the mean probability of skip connections there")
    cost_weight: float = Field(1.0, ge=0, description="weight of the expected cost's relative excess over a limit")
    stop_on_collapse: bool = Field(False, description="end the search when skip connections have taken over")
    collapse_share: float = Field(
        0.5, gt=0, le=1, description="share of skip connections in the genotype that triggers the warning"
    )


class DifferentiableStrategy(Strategy):
    """Moves weights and architecture of a supernet by gradients.

    Attributes:
        relaxation: What the strategy asks for against the space document (``partial_channels``, ``edge_weights``).
        architecture_loss: Regularisers and expected cost, to be added to the loss of the architecture; set by the
            engine before ``prepare``.
        draw: Seed -> genotype of a step; set by the engine of strategies that choose at the end.
    """

    Settings: ClassVar[type[Section]] = GradientSettings
    differentiable: ClassVar[bool] = True
    relaxation: ClassVar[Mapping[str, Any]] = {}
    architecture_loss: ArchitectureLoss | None = None
    draw: Callable[[int], Genotype] | None = None
    settings: GradientSettings

    def __init__(self, search: SearchOptions, train: TrainSettings) -> None:
        own = search.own(self.Settings)
        assert isinstance(own, GradientSettings)  # a strategy's Settings extend those of its base
        self.settings, self.train = own, train

    def supernet_options(self) -> dict[str, Any]:
        """Keywords for ``Space.supernet``.

        Returns:
            ``search.partial_channels`` and ``search.edge_weights`` where they are given, else the strategy's own
            relaxation, else nothing: then the space document decides.
        """
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


class DiscreteStrategy(Strategy):
    """Proposes whole genotypes and learns their values.

    ``restrict`` is called once before the first ``ask`` when there are hard limits; ``ask`` and ``tell`` take turns.
    No genotype may be asked for twice: trials are expensive. Everything that decides the next proposal is in the
    state, so that a resumed search equals an uninterrupted one.

    Attributes:
        search: The settings of the trials: how many, their objectives.
        settings: The strategy's own.
    """

    differentiable: ClassVar[bool] = False

    def __init__(self, search: SearchOptions, space: Space, seed: int) -> None:
        self.search, self.space, self.seed = search, space, seed
        self.settings = search.own(self.Settings)
        self.rng = np.random.default_rng(seed)
        self.constraints = Constraints(space)

    @classmethod
    def sampler(cls, search: SearchOptions, seed: int, study_seed: int) -> BaseSampler | None:
        """An Optuna sampler that proposes as this strategy does, for a study that many workers share.

        Args:
            search: The settings of the search.
            seed: Of this one proposal.
            study_seed: Of the whole study.

        Returns:
            The sampler; None where the strategy cannot be shared.
        """
        return None

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
