"""BSRN (Li et al., CVPR Workshops 2022): blueprint convolutions and the two gates of its distillation block."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from search_spaces.modern.catalogue import registered
from search_spaces.modern.layers import conv, depthwise
from search_spaces.modern.rlfn import pool_strided

#: Keeps the gradient of a standard deviation finite where a channel is flat.
SMALLEST_VARIANCE = 1e-12


class BlueprintConv(nn.Module):
    """A 1x1 without bias, then a depthwise 3x3; of stride 2 without padding where ``strided``."""

    def __init__(self, channels: int, strided: bool = False) -> None:
        super().__init__()
        self.pointwise = conv(channels, channels, bias=False)
        self.depthwise = (
            nn.Conv2d(channels, channels, 3, stride=2, groups=channels) if strided else depthwise(channels, 3)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.depthwise(self.pointwise(x))
        return y


@registered("bs_res")
class BlueprintStep(nn.Module):
    """GELU(x + blueprint convolution of x): one step of BSRN's distillation. C^2 + 10C parameters."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.blueprint = BlueprintConv(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.gelu(x + self.blueprint(x))


@registered("cca")
class ContrastChannelAttention(nn.Module):
    """A gate for every channel from its mean and standard deviation (IMDN). C^2/8 + C/16 + C parameters.

    The variance is clamped from below at 1e-12, so that a flat channel has a finite gradient.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = max(1, channels // 16)
        self.reduce = conv(channels, inner)
        self.expand = conv(inner, channels)

    def gate(self, x: torch.Tensor) -> torch.Tensor:
        """(N, C, 1, 1), values in 0..1."""
        mean = x.mean(dim=(2, 3), keepdim=True)
        variance = (x - mean).square().mean(dim=(2, 3), keepdim=True)
        contrast = variance.clamp_min(SMALLEST_VARIANCE).sqrt() + mean
        return torch.sigmoid(self.expand(F.relu(self.reduce(contrast))))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.gate(x)


@registered("esa_bs")
class BlueprintSpatialAttention(nn.Module):
    """Enhanced spatial attention of C/4 inner channels with blueprint convolutions. Needs 15x15 pixels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = channels // 4
        self.reduce = conv(channels, inner)
        self.shortcut = conv(inner, inner)
        self.stride = BlueprintConv(inner, strided=True)
        self.spatial1 = BlueprintConv(inner)
        self.spatial2 = BlueprintConv(inner)
        self.spatial3 = BlueprintConv(inner)
        self.expand = conv(inner, channels)

    def gate(self, x: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W), values in 0..1."""
        reduced = self.reduce(x)
        coarse = F.gelu(self.spatial1(pool_strided(self.stride(reduced), x)))
        coarse = self.spatial3(F.gelu(self.spatial2(coarse)))
        wide = F.interpolate(coarse, size=x.shape[-2:], mode="bilinear", align_corners=False)
        return torch.sigmoid(self.expand(wide + self.shortcut(reduced)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.gate(x)
