"""What is added to the validation loss when the architecture moves: entropy, skips, and the cost beyond a limit."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from nas.config.search import LimitSettings
from nas.objectives.costs import GenotypeCosts
from nas.supernet import Supernet
from nas.supernet.expected_cost import expected_cost, mean_edge_entropy, mean_skip_probability


class PenaltySettings(Protocol):
    """The weights of the parts, as the settings of differentiable strategies have them."""

    entropy: float
    skip: float
    cost_weight: float


class ArchitectureLoss:
    """The sum of three penalties on the architecture variables.

    ``search.entropy`` * mean edge entropy + ``search.skip`` * mean probability of skip connections +
    ``search.cost_weight`` * sum over the limits of max(expected cost / limit - 1, 0). Each part is off at weight zero.
    None depends on weights or images, so that all orders of the gradient share it.

    Args:
        settings: The three weights.
        costs: What the limits are about; None where there is no limit.
        limits: The limits of the search.
    """

    def __init__(self, settings: PenaltySettings, costs: GenotypeCosts | None, limits: LimitSettings) -> None:
        self.settings, self.costs = settings, costs
        self.bounds = costs.bounds(limits) if costs is not None and settings.cost_weight > 0 else {}

    @property
    def active(self) -> bool:
        """Whether there is anything to add."""
        return bool(self.bounds) or self.settings.entropy != 0 or self.settings.skip > 0

    def __call__(self, supernet: Supernet) -> tuple[Tensor, dict[str, float]]:
        """(scalar with gradient to the architecture variables, values for the log)."""
        total, log = supernet.arch_parameters()[0].sum() * 0.0, {}
        if self.settings.entropy != 0:
            entropy = mean_edge_entropy(supernet)
            total = total + self.settings.entropy * entropy
        if self.settings.skip > 0:
            total = total + self.settings.skip * mean_skip_probability(supernet)
        for metric, bound in self.bounds.items():
            assert self.costs is not None
            expected = expected_cost(supernet, self.costs.base(metric), self.costs.per_choice(metric))
            log[f"expected_{metric}"] = float(expected.detach())
            total = total + self.settings.cost_weight * (expected / bound - 1).clamp_min(0).to(total.dtype)
        return total, {"arch_penalty": float(total.detach()), **log}
