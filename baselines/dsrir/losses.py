"""The three terms of DSRIR's loss as functions. Images (B, 3, H, W) in 0..1."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

#: weight of each extractor level, fine to coarse
LEVEL_WEIGHTS = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)
#: weight of the stages 3, 2 and 1 in the PSNR term
PSNR_WEIGHTS = (1.0, 0.25, 0.25)


def uncertainty_loss(restored: Tensor, log_scale: Tensor, target: Tensor) -> Tensor:
    """mean(exp(-U) |Y - T| + 2 U): a Laplace likelihood with a prior on the log-scale U.

    Falls without bound as the error vanishes, so negative values are regular late in training. With U = 0 it
    is the mean absolute error.
    """
    inverse = torch.exp(-log_scale)
    return (inverse * restored - inverse * target).abs().mean() + 2 * log_scale.mean()


def psnr_loss(restored: Tensor, target: Tensor) -> Tensor:
    """Minus the mean PSNR of the images in dB (peak 1, RGB, not clamped); -80 for equal images."""
    mse = ((restored - target) ** 2).mean(dim=(1, 2, 3))  # (B,)
    return 10 / math.log(10) * torch.log(mse + 1e-8).mean()


class Distances(NamedTuple):
    """Mean absolute feature distances of the final image at one level, to each of the others."""

    target: Tensor
    stage2: Tensor
    stage1: Tensor
    degraded: Tensor


def distances(
    final: Sequence[Tensor],
    target: Sequence[Tensor],
    stage2: Sequence[Tensor],
    stage1: Sequence[Tensor],
    degraded: Sequence[Tensor],
) -> list[Distances]:
    """From the features of the five images, a list over levels each, means over the whole batch."""
    others = zip(target, stage2, stage1, degraded, strict=True)
    return [
        Distances(*((anchor - other).abs().mean() for other in level))
        for anchor, level in zip(final, others, strict=True)
    ]


def contrast_loss(levels: Sequence[Distances], eps: float = 1e-7) -> Tensor:
    """Pulls the final image to target, stage 2 and stage 1, and pushes it off the degraded image.

    The sum over levels of weight * (d_target + d_stage2 / 4 + d_stage1 / 8) / (d_degraded + eps). It diverges
    as the final image nears the degraded one; a larger ``eps`` bounds it.
    """
    terms = [
        weight * (d.target + 0.25 * d.stage2 + 0.125 * d.stage1) / (d.degraded + eps)
        for weight, d in zip(LEVEL_WEIGHTS, levels, strict=True)
    ]
    return torch.stack(terms).sum()
