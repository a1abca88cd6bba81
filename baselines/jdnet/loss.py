"""The losses JDNet was trained with, and the SSIM they and its evaluation use (specification section 6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines.similarity import ssim
from nas.errors import UsageError
from nas.models.calling import final_image

if TYPE_CHECKING:
    from nas.models.baseline import Criterion


def negative_ssim(output: Tensor, target: Tensor) -> Tensor:
    """-1 for equal images."""
    return -ssim(output, target)


#: name -> loss of (output, target), both (N, 3, H, W) on 0..1
LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "neg_ssim": negative_ssim,
    "mae": F.l1_loss,
    "mse": F.mse_loss,
}


def criterion(model: nn.Module, options: dict[str, Any]) -> Criterion:
    """The loss that the model was built with (keyword ``loss``), or ``options["loss"]`` if that is one of JDNet's.

    The platform's general loss names (l1, l2, charbonnier), which every training configuration carries, are
    no choice of JDNet's and leave the model's loss in place.

    Args:
        model: A JDNet.
        options: At most ``loss``.

    Raises:
        UsageError: Another option, or an unknown loss.
    """
    for other in sorted(set(options) - {"loss"}):
        raise UsageError(f"unknown option {other!r} of the JDNet loss; it has only loss: {', '.join(LOSSES)}")
    built_with = getattr(model, "config", None)
    name, asked = getattr(built_with, "loss", "neg_ssim"), options.get("loss")
    if asked in LOSSES:
        name = asked
    elif asked not in (None, "l1", "l2", "charbonnier"):
        raise UsageError(f"JDNet has no loss {asked!r}; known: {', '.join(LOSSES)}")
    return JDNetCriterion(name)


class JDNetCriterion:
    """One of ``LOSSES``, whose name is its ``identity``; see ``nas.models.baseline.Criterion``."""

    def __init__(self, name: str) -> None:
        self.identity, self._loss = name, LOSSES[name]

    def __call__(self, outputs: Any, degraded: Tensor, target: Tensor, step: int) -> tuple[Tensor, dict[str, float]]:
        image = final_image(outputs)
        image = image.float() if image.dtype in (torch.float16, torch.bfloat16) else image
        loss = self._loss(image, target.to(image.dtype))
        return loss, {self.identity: float(loss.detach())}
