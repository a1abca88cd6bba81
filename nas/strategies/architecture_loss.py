"""Terms added to the validation loss of an architecture step: entropy, skip connections, cost above a limit."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from nas.config.search import LimitSettings
from nas.objectives.costs import GenotypeCosts
from nas.objectives.expected import expected
from nas.supernet import Supernet
from nas.supernet.expected_cost import mean_edge_entropy, mean_skip_probability


class PenaltySettings(Protocol):
    """The weights of the terms, as the settings of differentiable strategies have them."""

    entropy: float
    skip: float
    cost_weight: float


class ArchitectureLoss:
    """A weighted sum of penalties on the architecture.

    It is ``search.entropy`` * mean edge entropy + ``search.skip`` * mean skip probability
    + ``search.cost_weight`` * sum over the limits of max(expected cost / limit - 1, 0).

    A term of weight zero is left out. No term depends on weights or images, so that the gradient is the same for
    every order of the architecture step.

    Args:
        settings: The weights of the terms.
        costs: Costs of genotypes; None without limits.
        limits: The limits.

    Attributes:
        bounds: Limit of each cost whose excess is penalised.
    """

    def __init__(self, settings: PenaltySettings, costs: GenotypeCosts | None, limits: LimitSettings) -> None:
        self.settings, self.costs = settings, costs
        self.bounds = costs.bounds(limits) if costs is not None and settings.cost_weight > 0 else {}

    @property
    def active(self) -> bool:
        """Whether any term has a weight."""
        return bool(self.bounds) or self.settings.entropy != 0 or self.settings.skip > 0

    def __call__(self, supernet: Supernet) -> tuple[Tensor, dict[str, float]]:
        """Compute the penalty.

        Args:
            supernet: The supernet.

        Returns:
            A scalar with a gradient to the architecture variables, and values for the log.
        """
        total, log = supernet.arch_parameters()[0].sum() * 0.0, {}
        if self.settings.entropy != 0:
            entropy = mean_edge_entropy(supernet)
            total = total + self.settings.entropy * entropy
        if self.settings.skip > 0:
            total = total + self.settings.skip * mean_skip_probability(supernet)
        for metric, bound in self.bounds.items():
            assert self.costs is not None
            mean = expected(supernet, self.costs, metric)
            log[f"expected_{metric}"] = float(mean.detach())
            total = total + self.settings.cost_weight * (mean / bound - 1).clamp_min(0).to(total.dtype)
        return total, {"arch_penalty": float(total.detach()), **log}
