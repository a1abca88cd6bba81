"""The losses JDNet was trained with, and the SSIM they and its evaluation use (specification section 6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas.errors import UsageError

if TYPE_CHECKING:
    from nas.baseline import Criterion

_SIDE, _SIGMA, _C1, _C2 = 11, 1.5, 0.01**2, 0.03**2


def ssim_window(like: Tensor) -> Tensor:
    """The 11 x 11 Gaussian (sigma 1.5) with sum 1, in the type and on the device of ``like``."""
    offsets = torch.arange(_SIDE, dtype=torch.float64) - _SIDE // 2
    line = torch.exp(-(offsets**2) / (2 * _SIGMA**2))
    line = line / line.sum()
    return torch.outer(line, line).to(like)


def ssim(a: Tensor, b: Tensor) -> Tensor:
    """Mean structural similarity of two (N, c, H, W) on 0..1 over all channels and positions; a scalar.

    The border counts: the window reads zeros outside the image. Nothing is clipped.
    """
    channels = a.shape[1]
    window = ssim_window(a).expand(channels, 1, _SIDE, _SIDE)

    def mean(x: Tensor) -> Tensor:
        return F.conv2d(x, window, padding=_SIDE // 2, groups=channels)

    mean_a, mean_b = mean(a), mean(b)
    var_a, var_b = mean(a * a) - mean_a**2, mean(b * b) - mean_b**2
    covariance = mean(a * b) - mean_a * mean_b
    similar = (2 * mean_a * mean_b + _C1) * (2 * covariance + _C2)
    return (similar / ((mean_a**2 + mean_b**2 + _C1) * (var_a + var_b + _C2))).mean()


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
    """The loss the model was built with (keyword ``loss``), or ``options["loss"]`` if that is one of JDNet's.

    The platform's general loss names (l1, l2, charbonnier), which every training configuration carries, are
    no choice of JDNet's and leave the model's loss in place; any other name is a UsageError.
    """
    plan = getattr(model, "plan", None)
    name, asked = getattr(plan, "loss", "neg_ssim"), options.get("loss")
    if asked in LOSSES:
        name = asked
    elif asked not in (None, "l1", "l2", "charbonnier"):
        raise UsageError(f"JDNet has no loss {asked!r}; known: {', '.join(LOSSES)}")
    chosen = LOSSES[name]

    def compute(outputs: Any, degraded: Tensor, target: Tensor, step: int) -> tuple[Tensor, dict[str, float]]:
        image: Tensor = outputs["restored"] if isinstance(outputs, dict) else outputs
        image = image.float() if image.dtype in (torch.float16, torch.bfloat16) else image
        loss = chosen(image, target.to(image.dtype))
        return loss, {name: float(loss.detach())}

    return compute
