"""RLFN (Kong et al., CVPR Workshops 2022): three plain convolutions, and enhanced spatial attention."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from nas.errors import NasError
from search_spaces.modern.catalogue import STRIDED, registered
from search_spaces.modern.layers import conv

SLOPE = 0.05


@registered("rlfb_core")
class ResidualLocalBlock(nn.Module):
    """Three 3x3 convolutions, each followed by LeakyReLU 0.05; their input added; a 1x1. 28C^2 + 4C parameters."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = conv(channels, channels, 3)
        self.conv2 = conv(channels, channels, 3)
        self.conv3 = conv(channels, channels, 3)
        self.mix = conv(channels, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = x
        for layer in (self.conv1, self.conv2, self.conv3):
            h = F.leaky_relu(layer(h), SLOPE)
        y: torch.Tensor = self.mix(h + x)
        return y


@registered("esa")
class EnhancedSpatialAttention(nn.Module):
    """A gate from a strided, pooled and resized bottleneck. 33C + 4,928 parameters with 16 inner channels.

    Needs 15x15 pixels. Unlike ``esab`` of JSNet it has one convolution after the pooling, and a fixed inner width.
    """

    def __init__(self, channels: int, *, inner: int = 16) -> None:
        super().__init__()
        self.reduce = conv(channels, inner)
        self.shortcut = conv(inner, inner)
        self.stride = nn.Conv2d(inner, inner, 3, stride=2)
        self.spatial = conv(inner, inner, 3)
        self.expand = conv(inner, channels)

    def gate(self, x: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W), values in 0..1."""
        reduced = self.reduce(x)  # (N, f, H, W)
        coarse = self.spatial(pool_strided(self.stride(reduced), x))
        wide = F.interpolate(coarse, size=x.shape[-2:], mode="bilinear", align_corners=False)
        return torch.sigmoid(self.expand(wide + self.shortcut(reduced)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.gate(x)


def pool_strided(halved: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """The largest values of 7x7 windows of stride 3 in what a strided convolution made of ``x``.

    Raises:
        NasError: ``x`` is too small for one window.
    """
    height, width = x.shape[-2:]
    if min(height, width) < STRIDED:
        raise NasError(
            f"enhanced spatial attention needs at least {STRIDED}x{STRIDED} pixels, got {height}x{width}: pad it"
        )
    return F.max_pool2d(halved, kernel_size=7, stride=3)
