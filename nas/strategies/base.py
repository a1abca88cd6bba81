"""The contracts of the two kinds of strategies. A third party subclasses one and registers it by an entry point.

Who calls what: the engine that carries out a search (``nas.engines``) builds the strategy from the settings. For a
differentiable strategy it builds the supernet with ``supernet_options()``, calls ``prepare`` once and ``step`` in every
step. For a discrete one it calls ``ask`` and ``tell`` in turn. Both are saved and restored by ``state_dict``.

A strategy owns its settings: a pydantic model ``Settings``, whose keys users type under ``search``
(``--set search.temperature=3``). The checked values are in ``self.settings``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field
from torch import Tensor, nn

from nas.config.runs import SearchSettings
from nas.config.search import SearchOptions
from nas.config.sections import Section
from nas.config.training import OptimizerSettings, TrainSettings
from nas.errors import UsageError
from nas.objectives.constraints import Constraints
from nas.objectives.costs import GenotypeCosts
from nas.space import Genotype, Space
from nas.strategies.architecture_loss import ArchitectureLoss
from nas.supernet.relaxations import softmax
from nas.train.run import Run

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

#: (degraded, target), float tensors (N, C, H, W) and (N, C, sH, sW) on 0..255
Batch = tuple[Tensor, Tensor]
#: (forward, batch) -> scalar loss; forward is the supernet or a functional version of it
Loss = Callable[[Callable[[Tensor], Tensor], Batch], Tensor]


class Strategy(ABC):
    """What the platform has to know of a strategy before it is built.

    Attributes:
        Settings: Model of the keys under ``search`` that the strategy owns.
        differentiable: Whether it trains a supernet by gradients, rather than proposing whole genotypes.
        chooses_at_end: Whether the genotype is chosen only at the end of the search, by comparing
            ``Settings.samples`` genotypes with the weights of the supernet; an unfinished run has none.
        external: Whether it has an engine of its own, the static method ``carry_out``.
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
        """Carry out a whole search by the strategy's own engine; called only if ``external`` is true.

        Args:
            settings: The whole configuration.
            search: Carries out another search inside this one: (settings, folder) -> its run folder.
            out: The run folder to make; None for ``runs/`` and a default name.
            run: The folder of an interrupted search, which continues there; else None.

        Returns:
            A ``nas.engines.result.SearchResult``.
        """
        raise NotImplementedError


class GradientSettings(Section):
    """Settings under ``search`` that every differentiable strategy has.

    Attributes:
        warmup: Share of the steps before the first architecture step, 0..1.
        partial_channels: 1 / share of the channels that candidates process (PC-DARTS); 1 for all of them, None for
            what strategy and space say.
        edge_weights: Whether edges have weights (PC-DARTS); None for what strategy and space say.
        start_scale: Whether a mixture divides each candidate by the spread of its output at the start.
        fused: Whether mixed edges and optimiser steps are computed in their fused form, which is equal up to rounding
            and several times faster.
        native: Whether gates and statistics of the fused form are computed by compiled loops; ``auto``: where the extra
            ``jsnas[native]`` and a C++ compiler are installed. A run keeps what it began with.
        optimizer: Optimiser of the architecture variables.
        entropy: Weight of the mean edge entropy in the architecture loss.
        skip: Weight of the mean probability of skip connections in the architecture loss.
        cost_weight: Weight of the relative excess of the expected cost over a limit in the architecture loss.
        stop_on_collapse: Whether the search ends when skip connections have taken over.
        collapse_share: Share of skip connections in the genotype from which this is so.
    """

    changeable: ClassVar[frozenset[str]] = frozenset({"optimizer", "stop_on_collapse", "collapse_share"})
    warmup: float = Field(0.2, ge=0, le=1, description="share of the steps before the first architecture step")
    partial_channels: int | None = Field(None, ge=1, le=64, description="1: all channels; None: by strategy and space")
    edge_weights: bool | None = Field(None, description="weights of edges; None: by strategy and space")
    start_scale: bool = Field(
        False, description="divide each candidate by the spread of its output at the start, if the skeleton can"
    )
    fused: bool = Field(True, description="compute mixed edges together (equal up to rounding, and faster)")
    native: Literal[True, False, "auto"] = Field(
        "auto", description="compiled gates; auto: where jsnas[native] is installed"
    )
    optimizer: OptimizerSettings = Field(
        OptimizerSettings(lr=1e-3, weight_decay=1e-3), description="of the architecture variables"
    )
    entropy: float = Field(0.0, description="weight of the mean edge entropy in the architecture loss")
    skip: float = Field(0.0, ge=0, description="weight of the mean skip probability there")
    cost_weight: float = Field(1.0, ge=0, description="weight of the expected cost's relative excess over a limit")
    stop_on_collapse: bool = Field(False, description="end the search when skip connections have taken over")
    collapse_share: float = Field(
        0.5, gt=0, le=1, description="share of skip connections in the genotype that triggers the warning"
    )


class DifferentiableStrategy(Strategy):
    """Trains weights and architecture of a supernet by gradients.

    Args:
        search: Settings of the search.
        train: Settings of the training loop.

    Attributes:
        scales_loss: Whether its steps are taken by ``nas.train.precision.ScaledSteps``, as ``train.fp16`` needs. With
            ``train.accumulate`` a batch holds all images of a step, for ``nas.train.accumulation.parts_of`` to cut.
        relaxation: ``partial_channels`` and ``edge_weights`` of the strategy, which override the space document.
        architecture_loss: Penalties added to the loss of the architecture; set by the engine before ``prepare``.
        draw: From a seed to the genotype of a step; set by the engine of strategies that choose at the end.
        settings: The strategy's own settings.
        train: Settings of the training loop.
    """

    Settings: ClassVar[type[Section]] = GradientSettings
    differentiable: ClassVar[bool] = True
    scales_loss: ClassVar[bool] = False
    relaxation: ClassVar[Mapping[str, Any]] = {}
    architecture_loss: ArchitectureLoss | None = None
    draw: Callable[[int], Genotype] | None = None
    settings: GradientSettings

    def __init__(self, search: SearchOptions, train: TrainSettings) -> None:
        own = search.own(self.Settings)
        assert isinstance(own, GradientSettings)  # a strategy's Settings extend those of its base
        self.settings, self.train = own, train
        if train.fp16 and not self.scales_loss:
            raise UsageError("this strategy does not scale its loss, as train.fp16 needs; take train.bf16 instead")

    def supernet_options(self) -> dict[str, Any]:
        """Keywords for ``Space.supernet``.

        Returns:
            ``search.partial_channels`` and ``search.edge_weights`` if they are given, else the strategy's own
            relaxation; what is in neither, the space document decides. Also ``fused``, ``native`` (``auto`` must have
            been settled before: ``nas.engines.setup.settled``), and ``start_scale`` if it is on.
        """
        given = {"partial_channels": self.settings.partial_channels, "edge_weights": self.settings.edge_weights}
        chosen = {**self.relaxation, **{k: v for k, v in given.items() if v is not None}}
        scaled = {"start_scale": True} if self.settings.start_scale else {}
        form = {"fused": self.settings.fused, "native": self.settings.native is True}
        return {**chosen, **scaled, **form}

    @staticmethod
    def relaxed(alphas: Tensor) -> Tensor:
        """The weights with which the candidates of a cell are mixed on average, (E, K) from alphas of that shape.

        By it a finished supernet is looked at (``nas.engines.perturbation``); by default a softmax.
        """
        return softmax(alphas)

    @abstractmethod
    def prepare(self, supernet: nn.Module, loss: Loss) -> None:
        """Build the optimisers; called once, before a state is loaded.

        Args:
            supernet: The supernet, on its device.
            loss: Loss of a batch.
        """

    @abstractmethod
    def step(self, supernet: nn.Module, train_batch: Batch, search_batch: Batch | None) -> dict[str, float]:
        """One step: of the architecture first, then of the weights.

        Args:
            supernet: The supernet.
            train_batch: For the weights.
            search_batch: For the architecture; None during the warm-up.

        Returns:
            Scalars for the log: ``loss``, ``lr`` and, after an architecture step, ``arch_loss``.
        """

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Plain values and tensors from which ``load_state_dict`` continues bit-exactly."""

    @abstractmethod
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Inverse of ``state_dict``."""


class DiscreteStrategy(Strategy):
    """Proposes whole genotypes and is told their values.

    With hard limits, ``restrict`` is called once before the first ``ask``; ``ask`` and ``tell`` are called in turn. No
    genotype may be proposed twice: trials are expensive. Everything that decides the next proposal is in the state, so
    that a resumed search equals an uninterrupted one.

    Args:
        search: Settings of the search.
        space: The search space.
        seed: Seed of all proposals.

    Attributes:
        search: Settings of the search: how many trials, their objectives.
        settings: The strategy's own settings.
        rng: A generator of the seed.
        constraints: Which genotypes are within the limits.
        costs: What genotypes cost, for strategies that weigh quality against it; set by the engine before the first
            ``ask``, None where costs are unknown.
        multi_fidelity: Whether trainings are halted at ``levels`` and may go on later: then ``ask`` may return a
            genotype again, to be trained further.
        levels: Steps at which trainings are halted, ascending, the last one that of a whole training. The engine
            replaces them where the estimator can halt at other steps only.
        train_to: How many steps the genotype that ``ask`` returned last is to have been trained; None for all.
        slow: Whether a proposal takes milliseconds; such strategies play fewer searches on tables.
    """

    differentiable: ClassVar[bool] = False
    multi_fidelity: ClassVar[bool] = False
    slow: ClassVar[bool] = False
    costs: GenotypeCosts | None = None
    levels: tuple[int, ...] = ()
    train_to: int | None = None

    def __init__(self, search: SearchOptions, space: Space, seed: int) -> None:
        self.search, self.space, self.seed = search, space, seed
        self.settings = search.own(self.Settings)
        self.rng = np.random.default_rng(seed)
        self.constraints = Constraints(space)

    @classmethod
    def sampler(cls, search: SearchOptions, seed: int, study_seed: int) -> BaseSampler | None:
        """An Optuna sampler that proposes like this strategy, for a study that many workers share.

        Args:
            search: Settings of the search.
            seed: Seed of this proposal.
            study_seed: Seed of the whole study.

        Returns:
            The sampler; None if the strategy cannot be shared.
        """
        return None

    @classmethod
    def trial_share(cls, search: SearchOptions) -> float:
        """Share of ``search.trial_steps`` that a trial trains on average, by which budgets are planned, 0..1.

        Args:
            search: Settings of the search.
        """
        return 1.0

    def restrict(self, constraints: Constraints) -> None:
        """Propose only genotypes that ``constraints`` allows."""
        self.constraints = constraints

    @abstractmethod
    def ask(self) -> Genotype:
        """The next genotype to evaluate, within the limits and not proposed before (but see ``multi_fidelity``).

        Raises:
            ExhaustedError: There is none.
        """

    @abstractmethod
    def tell(self, genotype: Genotype, values: Mapping[str, float] | None, *, pruned: bool = False) -> None:
        """Learn the values of a proposed genotype.

        Args:
            genotype: What the last ``ask`` returned.
            values: By objective (``nas.objectives.objectives.objectives_of``); None if its training diverged.
            pruned: Whether the trial was ended early; the values are those that it had reached.
        """

    def advice(self) -> str | None:
        """A warning about the settings, or None."""
        return None

    def state_dict(self) -> dict[str, Any]:
        """The random generator as plain values (integers beyond 64 bits as text)."""
        state = dict(self.rng.bit_generator.state)
        return {"rng": {**state, "state": {k: str(v) for k, v in state["state"].items()}}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Inverse of ``state_dict``."""
        saved = state["rng"]
        self.rng.bit_generator.state = {**saved, "state": {k: int(v) for k, v in saved["state"].items()}}
