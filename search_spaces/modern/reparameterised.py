"""3x3 convolutions that are trained as several and computed as one.

The small factors are the parameters; the one kernel that they merge into is formed inside the graph, so that training
costs one 3x3 convolution (9C^2 multiply-adds a pixel instead of 41C^2) and gives the function and the gradients of the
long form. ``merged`` returns that convolution for export and restoration; it is exact to the border, because the long
form pads before its first bias.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from search_spaces.modern.layers import conv


class MergedConv(nn.Module):
    """Base of the re-parameterised convolutions from ``c_in`` to ``c_out`` channels.

    A subclass forms kernel and bias; (N, c_in, H, W) -> (N, c_out, H, W).
    """

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.c_in, self.c_out = c_in, c_out

    def kernel_and_bias(self) -> tuple[Tensor, Tensor]:
        """The kernel (c_out, c_in, 3, 3) and the bias (c_out,), with gradient."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        # products of kernels lose too much in half precision; a tensor without values has no autocast of its own
        device = "cpu" if x.device.type == "meta" else x.device.type
        with torch.autocast(device, enabled=False):
            kernel, bias = self.kernel_and_bias()
        return F.conv2d(x, kernel.to(x.dtype), bias.to(x.dtype), padding=1)

    def merged(self) -> nn.Conv2d:
        """The plain convolution that computes the same, with weights of its own."""
        with torch.no_grad():
            kernel, bias = self.kernel_and_bias()
            layer = conv(self.c_in, self.c_out, 3).to(kernel)
            layer.weight.copy_(kernel)
            assert layer.bias is not None
            layer.bias.copy_(bias)
        return layer

    def optimized(self) -> nn.Module:
        """The form for inference, which ``nas restore`` computes: that of ``merged``."""
        return self.merged()


class Conv3XC(MergedConv):
    """SPAN's convolution: 1x1 to twice the channels, 3x3, 1x1 back, and a 1x1 shortcut (Wan et al., 2024)."""

    def __init__(self, c_in: int, c_out: int, gain: int = 2) -> None:
        super().__init__(c_in, c_out)
        self.expand = conv(c_in, gain * c_in)
        self.spatial = conv(gain * c_in, gain * c_out, 3)
        self.reduce = conv(gain * c_out, c_out)
        self.shortcut = conv(c_in, c_out)

    def kernel_and_bias(self) -> tuple[Tensor, Tensor]:
        kernel, bias = chained(self.expand.weight, self.expand.bias, self.spatial.weight, self.spatial.bias)
        last, shortcut = self.reduce.weight.flatten(1), self.shortcut.weight
        kernel = torch.einsum("oa,aiyx->oiyx", last, kernel) + F.pad(shortcut, (1, 1, 1, 1))
        return kernel, last @ bias + self.reduce.bias + self.shortcut.bias


def chained(first: Tensor, first_bias: Tensor, second: Tensor, second_bias: Tensor) -> tuple[Tensor, Tensor]:
    """Kernel and bias of a 1x1 convolution that a 3x3 follows, where the border sees the first bias as well.

    Args:
        first: (b, i, 1, 1).
        first_bias: (b,).
        second: (a, b, 3, 3).
        second_bias: (a,).
    """
    kernel = torch.einsum("abyx,bi->aiyx", second, first.flatten(1))
    return kernel, torch.einsum("abyx,b->a", second, first_bias) + second_bias
