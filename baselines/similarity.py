"""Structural similarity as a differentiable loss, as the deraining literature trains with it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

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
