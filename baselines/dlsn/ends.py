"""From image to features and back: frozen mean shifts and the upsampler (specification section 2.1)."""

from __future__ import annotations

import torch
from torch import nn

from nas.errors import UsageError

#: Mean colour of DIV2K, RGB, as a share of the peak value.
DIV2K_MEAN = (0.4488, 0.4371, 0.4040)


class MeanShift(nn.Conv2d):
    """Adds ``sign * rgb_range * mean``: (N, 3, H, W) -> same; a frozen 1x1 convolution."""

    def __init__(self, sign: int, rgb_range: float) -> None:
        super().__init__(3, 3, 1)
        with torch.no_grad():
            self.weight.copy_(torch.eye(3).view(3, 3, 1, 1))
            assert self.bias is not None
            self.bias.copy_(sign * rgb_range * torch.tensor(DIV2K_MEAN))
        self.requires_grad_(False)


def conv3x3(c_in: int, c_out: int) -> nn.Conv2d:
    """Stride 1, zero padding, bias: (N, c_in, H, W) -> (N, c_out, H, W)."""
    return nn.Conv2d(c_in, c_out, 3, padding=1)


def upsampler(width: int, scale: int) -> nn.Sequential:
    """(N, C, H, W) -> (N, C, s*H, s*W): one shuffle by 3, or one by 2 for every doubling; no activation."""
    if scale == 3:
        factors = [3]
    elif scale >= 1 and scale & (scale - 1) == 0:
        factors = [2] * (scale.bit_length() - 1)
    else:
        raise UsageError(f"dlsn has no upsampler for scale {scale}; use 3 or a power of two")
    layers: list[nn.Module] = []
    for factor in factors:
        layers += [conv3x3(width, factor**2 * width), nn.PixelShuffle(factor)]
    return nn.Sequential(*layers)
