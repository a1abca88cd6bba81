"""GDAS: one sampled candidate on each edge, by a hard Gumbel softmax with a straight-through gradient.

Dong and Yang, "Searching for a robust neural architecture in four GPU hours", CVPR 2019, section 3.2: only the
sampled candidate of an edge is evaluated, in the forward and in the backward pass, so a step costs about as much as
one of a derived network. The architecture gradient reaches a row through the weight of its sampled candidate.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from nas.config.search import SearchOptions
from nas.config.sections import Section
from nas.config.training import TrainSettings
from nas.strategies.base import Loss
from nas.strategies.bilevel import BilevelSettings, BilevelStrategy
from nas.supernet.relaxations import Choices, gumbel_choice


class GdasSettings(BilevelSettings):
    """Settings of the strategy under ``search``.

    Attributes:
        temperature: First temperature of the Gumbel softmax.
        final_temperature: Last temperature.
    """

    temperature: float = Field(5.0, gt=0, description="first temperature of the Gumbel softmax")
    final_temperature: float = Field(0.1, gt=0, description="last temperature")


class Gdas(BilevelStrategy):
    """The temperature falls linearly from ``search.temperature`` to ``search.final_temperature`` over all steps.

    One sample is drawn for the architecture step and one for the weight step, from torch's generator, whose state is
    saved with the run. All passes of a second-order step see the same sample. Between steps (in a validation) every
    edge is its most probable candidate.
    """

    Settings: ClassVar[type[Section]] = GdasSettings
    settings: GdasSettings

    def __init__(self, search: SearchOptions, train: TrainSettings) -> None:
        super().__init__(search, train)
        self._noise: dict[str, Tensor] = {}
        self._temperature = self.settings.temperature

    def prepare(self, supernet: nn.Module, loss: Loss) -> None:
        """Build the optimisers, and let the supernet sample its candidates."""
        super().prepare(supernet, loss)
        supernet.relax = self._relax  # type: ignore[assignment]

    def temperature(self, step: int) -> float:
        """The temperature in the given step, from 0."""
        share = min(step / max(self.train.steps - 1, 1), 1.0)
        return self.settings.temperature + share * (self.settings.final_temperature - self.settings.temperature)

    def begin_pass(self, supernet: nn.Module) -> None:
        """Draw a sample."""
        self._temperature = self.temperature(self._steps)
        self._noise = {name: _gumbel(supernet.alphas(name)) for name in supernet.groups}  # type: ignore[union-attr,operator]

    def end_step(self) -> dict[str, float]:
        """Drop the sample; returns the temperature for the log."""
        self._noise = {}
        return {"temperature": self._temperature}

    def _relax(self, cell: str, alphas: Tensor) -> Choices:
        noise = self._noise[cell] if self._noise else torch.zeros_like(alphas)
        return gumbel_choice(alphas, noise, self._temperature)


def _gumbel(like: Any) -> Tensor:
    # on the CPU, so that a seed means the same on every device
    uniform = torch.rand(like.shape, dtype=torch.float32).clamp_(1e-10, 1 - 1e-7)
    return -torch.log(-torch.log(uniform)).to(device=like.device, dtype=like.dtype)


STRATEGY = Gdas
