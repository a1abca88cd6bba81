"""PLKSR (Lee et al., 2024): a dense large kernel on a quarter of the channels, and element-wise attention."""

from __future__ import annotations

import torch
from torch import nn

from search_spaces.modern.catalogue import registered
from search_spaces.modern.layers import conv

#: Spread of the truncated normal distribution that the weights start from.
START = 0.02


def start_small(layer: nn.Conv2d) -> nn.Conv2d:
    """The layer with weights from a truncated normal distribution and biases of 0."""
    nn.init.trunc_normal_(layer.weight, std=START)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


@registered("plk")
class PartialLargeKernel(nn.Module):
    """A dense k x k on the first quarter of the channels; the rest passes. (C/4)^2 k^2 + C/4 parameters."""

    def __init__(self, channels: int, *, kernel: int = 13) -> None:
        super().__init__()
        self.part = channels // 4
        self.dense = start_small(conv(self.part, self.part, kernel))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.dense(x[:, : self.part]), x[:, self.part :]], dim=1)


@registered("ea")
class ElementAttention(nn.Module):
    """A gate for every value from a 3x3 convolution. 9C^2 + C parameters."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.spatial = start_small(conv(channels, channels, 3))

    def gate(self, x: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W), values in 0..1."""
        return torch.sigmoid(self.spatial(x))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.gate(x)
