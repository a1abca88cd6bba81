"""ECBSR (Zhang et al., ACM MM 2021): a 3x3 convolution trained with expanding and edge-detecting branches."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from search_spaces.modern.catalogue import registered
from search_spaces.modern.layers import conv
from search_spaces.modern.reparameterised import MergedConv, chained

#: Spread of the normal distribution that scales and biases of the edge branches start from.
START = 1e-3
MASKS = {
    "sobel_x": ((1, 0, -1), (2, 0, -2), (1, 0, -1)),
    "sobel_y": ((1, 2, 1), (0, 0, 0), (-1, -2, -1)),
    "laplacian": ((0, 1, 0), (1, -4, 1), (0, 1, 0)),
}


class EdgeBranch(nn.Module):
    """A 1x1 convolution, then a fixed mask a channel, scaled and shifted."""

    def __init__(self, channels: int, mask: tuple[tuple[int, ...], ...]) -> None:
        super().__init__()
        self.pointwise = conv(channels, channels)
        self.scale = nn.Parameter(START * torch.randn(channels, 1, 1, 1))
        self.bias = nn.Parameter(START * torch.randn(channels))
        self.mask: Tensor
        self.register_buffer("mask", torch.tensor(mask, dtype=torch.float32).repeat(channels, 1, 1, 1))

    def kernel_and_bias(self) -> tuple[Tensor, Tensor]:
        """The 3x3 (C, C, 3, 3) that the branch amounts to, and its bias (C,)."""
        outer = self.scale * self.mask  # (C, 1, 3, 3)
        assert self.pointwise.bias is not None
        return outer * self.pointwise.weight, outer.sum(dim=(1, 2, 3)) * self.pointwise.bias + self.bias


class EdgeConv(MergedConv):
    """The sum of a 3x3, an expanded 3x3 and three edge branches, merged into one 3x3."""

    def __init__(self, channels: int, gain: int = 2) -> None:
        super().__init__(channels, channels)
        self.direct = conv(channels, channels, 3)
        self.expand = conv(channels, gain * channels)
        self.spatial = conv(gain * channels, channels, 3)
        self.edges = nn.ModuleDict({name: EdgeBranch(channels, mask) for name, mask in MASKS.items()})

    def kernel_and_bias(self) -> tuple[Tensor, Tensor]:
        parts = [
            (self.direct.weight, self.direct.bias),
            chained(self.expand.weight, self.expand.bias, self.spatial.weight, self.spatial.bias),
            *(edge.kernel_and_bias() for edge in self.edges.values()),
        ]
        kernels, biases = zip(*parts, strict=True)
        return sum(kernels[1:], kernels[0]), sum(biases[1:], biases[0])


@registered("ecb")
class EdgeOrientedBlock(nn.Module):
    """The merged convolution, then PReLU with a slope for every channel. Merged 9C^2 + 2C parameters."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = EdgeConv(channels)
        self.activation = nn.PReLU(channels)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.activation(self.conv(x))
        return y
