"""MAN (Wang et al., CVPR Workshops 2024): large kernel attention in one and in three sizes, and a gated unit."""

from __future__ import annotations

import torch
from torch import nn

from nas.models.sharing import in_parts
from search_spaces.modern.catalogue import registered
from search_spaces.modern.layers import LayerNorm, conv, depthwise

#: (near kernel, far kernel, dilation of the far one) of the three thirds of ``mlka``
STACKS = ((3, 5, 2), (5, 7, 3), (7, 9, 4))


def kernel_stack(channels: int, near: int, far: int, dilation: int) -> nn.Sequential:
    """A depthwise kernel, a dilated one and a 1x1 convolution: together one large kernel."""
    return nn.Sequential(
        depthwise(channels, near), depthwise(channels, far, dilation=dilation), conv(channels, channels)
    )


@registered("lka")
class LargeKernelAttention(nn.Module):
    """The input times what a 39x39 stack makes of it. C^2 + 133C parameters."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.stack = kernel_stack(channels, 7, 9, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.stack(x)


@registered("mlka")
class MultiScaleAttention(nn.Module):
    """Large kernel attention in three sizes, a third of the channels each; norm, scale and skip inside.

    The scale starts at 0: the block begins as the identity.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        third = channels // len(STACKS)
        self.norm = LayerNorm(channels)
        self.expand = in_parts(conv(channels, 2 * channels), outputs=[third] * (2 * len(STACKS)))
        self.stacks = nn.ModuleList(kernel_stack(third, *sizes) for sizes in STACKS)
        self.gates = nn.ModuleList(depthwise(third, near) for near, _, _ in STACKS)
        self.reduce = in_parts(conv(channels, channels), inputs=[third] * len(STACKS))
        self.scale = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a, b = self.expand(self.norm(x)).chunk(2, dim=1)
        thirds = a.chunk(len(STACKS), dim=1)
        seen = [stack(t) * gate(t) for stack, gate, t in zip(self.stacks, self.gates, thirds, strict=True)]
        return x + self.scale * self.reduce(b * torch.cat(seen, dim=1))


@registered("gsau")
class GatedSpatialUnit(nn.Module):
    """A half gated by a 7x7 view of the other; norm, scale and skip inside. 3C^2 + 56C parameters.

    The scale starts at 0: the block begins as the identity.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = LayerNorm(channels)
        self.expand = in_parts(conv(channels, 2 * channels), outputs=[channels] * 2)
        self.depthwise = depthwise(channels, 7)
        self.reduce = conv(channels, channels)
        self.scale = nn.Parameter(torch.zeros(1, channels, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a, b = self.expand(self.norm(x)).chunk(2, dim=1)
        return x + self.scale * self.reduce(b * self.depthwise(a))
