"""The plainest candidates: nothing, a gate of one convolution, and the pair every other block has to beat."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from search_spaces.modern.catalogue import registered
from search_spaces.modern.layers import conv


@registered("skip")
class Skip(nn.Module):
    """The input itself."""

    def __init__(self, channels: int) -> None:
        super().__init__()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


@registered("pa")
class PixelAttention(nn.Module):
    """A gate for every value from a 1x1 convolution (PAN). C^2 + C parameters."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mix = conv(channels, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.sigmoid(self.mix(x))


@registered("res_pair")
class ResidualPair(nn.Module):
    """x + Conv3(ReLU(Conv3 x)), the block of EDSR: the control. 18C^2 + 2C parameters."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = conv(channels, channels, 3)
        self.conv2 = conv(channels, channels, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.conv2(F.relu(self.conv1(x)))
        return x + y
