"""Losses on the restored image, on the scale 0..255."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from nas.errors import UsageError
from nas.models.baseline import Criterion
from nas.models.calling import final_image


def pixel_loss(name: str, output: Tensor, target: Tensor) -> Tensor:
    """Mean loss over all pixels and channels.

    Args:
        name: ``l1``, ``l2`` (squared error) or ``charbonnier`` (epsilon 1e-3 * 255).
        output: Restored images (N, C, H, W) on 0..255.
        target: Clean images of the same shape and range.

    Returns:
        A scalar with gradient.

    Raises:
        UsageError: The name is unknown.
    """
    if name == "l1":
        return F.l1_loss(output, target)
    if name == "l2":
        return F.mse_loss(output, target)
    if name == "charbonnier":
        epsilon = 1e-3 * 255
        return torch.sqrt((output - target) ** 2 + epsilon**2).mean()
    raise UsageError(f"unknown loss {name!r}; known: l1, l2, charbonnier")


class PixelCriterion:
    """``pixel_loss`` on the restored image, for models without a loss of their own.

    The model's outputs live on its own value range; the loss is reported on 0..255 for all of them.
    """

    def __init__(self, name: str, value_range: float = 255.0) -> None:
        self.name, self.value_range = name, value_range

    @property
    def identity(self) -> str:
        """What is measured, in words."""
        return f"{self.name} on 0..255"

    def __call__(self, outputs: Any, degraded: Tensor, target: Tensor, step: int) -> tuple[Tensor, dict[str, float]]:
        """The loss of one batch, without further terms; see ``nas.models.baseline.Criterion``."""
        scale = 255.0 / self.value_range
        return pixel_loss(self.name, final_image(outputs).float() * scale, target * scale), {}


def task_criterion(name: str, value_range: float = 255.0) -> Criterion:
    """The loss of a task for a model that has none of its own.

    Args:
        name: As for ``pixel_loss``.
        value_range: The model's own peak value.
    """
    return PixelCriterion(name, value_range)
