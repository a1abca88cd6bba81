"""The strategy that takes steps of the weights and of the architecture in turn, along the gradients of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from nas.config.search import SearchOptions
from nas.config.sections import Section
from nas.config.training import TrainSettings
from nas.errors import UsageError
from nas.strategies.architecture_gradients import (
    alphas_of,
    first_order,
    frozen,
    gradients,
    gradients_in_parts,
    second_order_difference,
    second_order_exact,
    weights_of,
)
from nas.strategies.base import Batch, DifferentiableStrategy, GradientSettings, Loss
from nas.strategies.beta_decay import beta_decay, weight_at
from nas.strategies.operation_stopping import OperationStopping, candidate_weights
from nas.train.distributed import average
from nas.train.optimizers import make_optimizer, restore_optimizer
from nas.train.precision import ScaledSteps
from nas.train.schedules import learning_rate


def numbers(values: Mapping[str, float | Tensor]) -> dict[str, float]:
    """Values of a step, of which some are scalars on a device; all of them are fetched at once."""
    waiting = {name: value for name, value in values.items() if isinstance(value, Tensor)}
    fetched = torch.stack([v.double() for v in waiting.values()]).tolist() if waiting else []
    return {**values, **dict(zip(waiting, fetched, strict=True))}


class BilevelSettings(GradientSettings):
    """Settings under ``search`` of strategies that train architecture and weights in turn.

    Attributes:
        order: Order of the architecture gradient.
        second_order: Whether the virtual step is differentiated exactly or by a central difference.
        beta_decay: Weight of beta-decay (``nas.strategies.beta_decay``) at the end of the search; 0 leaves it out.
        oles: Whether candidates that overfit are trained no further (``nas.strategies.operation_stopping``).
        oles_threshold: Mean cosine of the gradients on training and search images below which a candidate stops.
        oles_every: Architecture steps over which that mean is taken.
    """

    order: Literal["first", "second"] = Field("first", description="order of the architecture gradient")
    second_order: Literal["exact", "difference"] = Field(
        "exact", description="second order: the virtual step differentiated exactly or by a central difference"
    )
    beta_decay: float = Field(0.0, ge=0, description="weight of beta-decay at the end of the search")
    oles: bool = Field(False, description="train candidates that overfit no further")
    oles_threshold: float = Field(0.3, ge=-1, le=1, description="mean cosine of gradients below which one stops")
    oles_every: int = Field(20, gt=0, description="architecture steps over which that mean is taken")


class BilevelStrategy(DifferentiableStrategy):
    """In every step Adam on the architecture, then Adam on the weights; the base of DARTS, PC-DARTS and GDAS."""

    Settings: ClassVar[type[Section]] = BilevelSettings
    scales_loss: ClassVar[bool] = True
    settings: BilevelSettings

    def __init__(self, search: SearchOptions, train: TrainSettings) -> None:
        super().__init__(search, train)
        given = [name for name, on in (("accumulate", train.accumulate > 1), ("fp16", train.fp16)) if on]
        if given and self.settings.order == "second":
            raise UsageError(
                f"train.{given[0]} goes with the first order alone, since the virtual step of the second is taken on "
                "whole batches in full range; leave it out or set search.order=first"
            )

    def prepare(self, supernet: nn.Module, loss: Loss) -> None:
        """Build the optimisers of weights and architecture."""
        self._loss = loss
        self._steps = 0
        self._scaling = ScaledSteps(alphas_of(supernet)[0].device.type, self.train)
        weight, arch = self.train.optimizer, self.settings.optimizer
        self._weights = list(weights_of(supernet).values())
        self._stopping: OperationStopping | None = None
        self._search_slopes: list[Tensor | None] | None = None
        if self.settings.oles:
            candidates = candidate_weights(supernet, self._weights)
            self._stopping = OperationStopping(candidates, self.settings.oles_threshold, self.settings.oles_every)
        fused = self.settings.fused
        self._weight_optimizer = make_optimizer(self._weights, weight, fused=fused)
        self._arch_optimizer = make_optimizer(alphas_of(supernet), arch, "the architecture variables", fused=fused)

    def architecture_gradient(
        self, supernet: nn.Module, train: Batch, search: Batch, xi: float
    ) -> tuple[list[Tensor], Tensor]:
        """The gradient of the order in the settings.

        Args:
            supernet: The supernet.
            train: Batch for the weights.
            search: Batch for the architecture.
            xi: Learning rate of the virtual step.

        Returns:
            The gradient of each architecture variable (of float16 that of the scaled loss), and the validation loss.
        """
        if self.settings.order == "first":
            return first_order(supernet, self._loss, search, self.train.accumulate, self._scaling.scaled, self._weights)
        if self.settings.second_order == "exact":
            return second_order_exact(supernet, self._loss, train, search, xi)
        return second_order_difference(supernet, self._loss, train, search, xi)

    def regularisation(self, supernet: nn.Module) -> Tensor | None:
        """A term of the architecture loss that the strategy itself adds, or None; a scalar with a gradient."""
        if not self.settings.beta_decay:
            return None
        rows = [beta_decay(supernet.alphas(name)) for name in supernet.groups]  # type: ignore[operator,union-attr]
        return weight_at(self._steps, self.train.steps, self.settings.beta_decay) * torch.cat(rows).mean()

    def begin_pass(self, supernet: nn.Module) -> None:
        """Called before the architecture step and before the weight step; strategies that sample draw here."""

    def end_step(self) -> dict[str, float]:
        """Called after both steps; returns scalars for the log."""
        return {}

    def step(self, supernet: nn.Module, train_batch: Batch, search_batch: Batch | None) -> dict[str, float]:
        """One step of the architecture, except during the warm-up, then one of the weights."""
        rate = learning_rate(self.train.schedule, self.train.optimizer.lr, self._steps, self.train.steps)
        values: dict[str, float | Tensor] = {"lr": rate}
        try:
            if search_batch is not None:
                self.begin_pass(supernet)
                values |= self._move_architecture(supernet, train_batch, search_batch, rate)
            self.begin_pass(supernet)
            loss = self.move_weights(supernet, train_batch, rate)
            values |= self.end_step()
            if self._stopping is not None:
                values["stopped_candidates"] = float(len(self._stopping.stopped))
        finally:  # a step that came to nothing counts too: rate and temperature are functions of the run's steps
            self._steps += 1
        return {**numbers({"loss": loss, **values}), **self._scaling.values()}

    def _move_architecture(
        self, supernet: nn.Module, train: Batch, search: Batch, rate: float
    ) -> dict[str, float | Tensor]:
        slopes, value = self.architecture_gradient(supernet, train, search, rate)
        if self._stopping is not None:
            with frozen(alphas_of(supernet)):
                self._search_slopes, _ = self._weight_slopes(supernet, search)
            average(slope for slope in self._search_slopes if slope is not None)
        values: dict[str, float | Tensor] = {"arch_loss": value}
        alphas = alphas_of(supernet)
        for parameter, slope in zip(alphas, slopes, strict=True):
            parameter.grad = slope
        self._scaling.unscale(self._arch_optimizer)
        if self.architecture_loss is not None and self.architecture_loss.active:
            extra, log = self.architecture_loss(supernet)  # type: ignore[arg-type]
            for parameter, more in zip(alphas, gradients(extra, alphas), strict=True):
                parameter.grad = more if parameter.grad is None else parameter.grad + more
            values |= log
        own = self.regularisation(supernet)
        if own is not None:
            for parameter, more in zip(alphas, gradients(own, alphas), strict=True):
                parameter.grad = more if parameter.grad is None else parameter.grad + more
            values["regularisation"] = own.detach()
        # raises before it moves by what is not finite
        self._scaling.step(self._arch_optimizer, value, "the architecture variables")
        self._scaling.update()
        self._arch_optimizer.zero_grad(set_to_none=True)
        return values

    def move_weights(
        self,
        supernet: nn.Module,
        batch: Batch,
        rate: float,
        passes: Sequence[AbstractContextManager[None]] = (nullcontext(),),
    ) -> Tensor:
        """One step of the weights.

        Weights that took no part (candidates that were not sampled) are left as they are: with a zero gradient they
        would still be moved by Adam's momentum.

        Args:
            supernet: The supernet.
            batch: For the weights.
            rate: Learning rate.
            passes: What the passes over the batch happen in, by default one pass; the mean of their gradients is used.

        Returns:
            The training loss, a scalar without a gradient; of several passes their mean.
        """
        slopes, loss = self.weight_gradient(supernet, batch, passes)
        self.take_weight_step(slopes, loss, rate)
        return loss

    def weight_gradient(
        self,
        supernet: nn.Module,
        batch: Batch,
        passes: Sequence[AbstractContextManager[None]] = (nullcontext(),),
    ) -> tuple[list[Tensor | None], Tensor]:
        """The gradient of each weight, None of those that took no part; and the loss; means over the passes."""
        with frozen(alphas_of(supernet)):
            slopes, loss = self._over_passes(supernet, batch, passes)
        average(slope for slope in slopes if slope is not None)
        return slopes, loss

    def take_weight_step(self, slopes: list[Tensor | None], loss: Tensor, rate: float) -> None:
        """Move the weights along gradients.

        Args:
            slopes: Of each weight; one without is left as it is.
            loss: The training loss, for the message where it is not finite.
            rate: Learning rate.
        """
        for group in self._weight_optimizer.param_groups:
            group["lr"] = rate
        if self._stopping is not None:
            if self._search_slopes is not None:
                self._stopping.compare(slopes, self._search_slopes)
                self._search_slopes = None
            slopes = self._stopping.without_stopped(slopes)
        for weight, slope in zip(self._weights, slopes, strict=True):
            weight.grad = slope
        self._scaling.unscale(self._weight_optimizer)
        if self.train.clip is not None:
            nn.utils.clip_grad_norm_(self._weights, self.train.clip)
        self._scaling.step(self._weight_optimizer, loss)
        self._scaling.update()
        self._weight_optimizer.zero_grad(set_to_none=True)

    def _weight_slopes(self, supernet: nn.Module, batch: Batch) -> tuple[list[Tensor | None], Tensor]:
        return gradients_in_parts(
            supernet, self._loss, batch, self._weights, self.train.accumulate, self._scaling.scaled
        )

    def _over_passes(
        self, supernet: nn.Module, batch: Batch, passes: Sequence[AbstractContextManager[None]]
    ) -> tuple[list[Tensor | None], Tensor]:
        found = []
        for opened in passes:
            with opened:
                found.append(self._weight_slopes(supernet, batch))
        if len(found) == 1:
            return found[0]
        slopes: list[Tensor | None] = []
        for each in zip(*(s for s, _ in found), strict=True):
            taken = [s for s in each if s is not None]
            slopes.append(torch.stack(taken).sum(dim=0) / len(found) if taken else None)
        return slopes, torch.stack([value for _, value in found]).mean()

    def state_dict(self) -> dict[str, Any]:
        """The number of steps, the states of both optimisers and, of float16, the scale of the loss."""
        return {
            "steps": self._steps,
            "weights": self._weight_optimizer.state_dict(),
            "architecture": self._arch_optimizer.state_dict(),
            **self._scaling.state_dict(),
            **({"stopping": self._stopping.state_dict()} if self._stopping is not None else {}),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Inverse of ``state_dict``."""
        self._steps = state["steps"]
        restore_optimizer(self._weight_optimizer, state["weights"])
        restore_optimizer(self._arch_optimizer, state["architecture"])
        self._scaling.load_state_dict(state)
        if self._stopping is not None and "stopping" in state:
            self._stopping.load_state_dict(state["stopping"])
