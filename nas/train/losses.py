"""Losses on the restored image, on the scale 0..255."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional as F

from nas.errors import UsageError

if TYPE_CHECKING:
    from nas.models.baseline import Criterion


def restored(outputs: Any) -> Tensor:
    """The final image of a model's outputs: the tensor itself, or entry ``restored`` of a dictionary."""
    image: Tensor = outputs["restored"] if isinstance(outputs, dict) else outputs
    return image


def pixel_loss(name: str, output: Tensor, target: Tensor) -> Tensor:
    """Mean over all pixels and channels: ``l1``, ``l2`` (squared error) or ``charbonnier`` (epsilon 1e-3 * 255)."""
    if name == "l1":
        return F.l1_loss(output, target)
    if name == "l2":
        return F.mse_loss(output, target)
    if name == "charbonnier":
        epsilon = 1e-3 * 255
        return torch.sqrt((output - target) ** 2 + epsilon**2).mean()
    raise UsageError(f"unknown loss {name!r}; known: l1, l2, charbonnier")


def task_criterion(name: str, value_range: float = 255.0) -> Criterion:
    """The plain loss on the restored image, for models without a loss of their own.

    The model's outputs live on its own ``value_range``; the loss is reported on 0..255 for all of them.
    """

    def criterion(outputs: Any, degraded: Tensor, target: Tensor, step: int) -> tuple[Tensor, dict[str, float]]:
        scale = 255.0 / value_range
        image = restored(outputs).float()
        return pixel_loss(name, image * scale, target * scale), {}

    criterion.identity = f"{name} on 0..255"  # type: ignore[attr-defined]
    return criterion


def criterion_identity(criterion: Criterion) -> str:
    """What a weights file records of its loss: the criterion's ``identity``, e.g. which feature extractor it used."""
    return str(getattr(criterion, "identity", "") or getattr(criterion, "__name__", type(criterion).__name__))
