"""Operation blocks: the candidates of the operation cell (C channels in, C out, same size).

All but ``skip_connect``, ``none`` and ``acb`` are two-cell dense blocks:
``y = x + reduce([x, f1(x), f2([x, f1(x)])])`` where f1 maps C to C, f2 maps 2C to C and ``reduce`` is the
only convolution with a bias. Source: official JSNet release (Shen et al., Pattern Recognition 132, 2022).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from nas.errors import UsageError
from nas.models.sharing import in_parts
from nas.space.blocks import block

_ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "lrelu": lambda: nn.LeakyReLU(0.05),
    "prelu": lambda: nn.PReLU(init=0.05),
}


def make_activation(name: str) -> nn.Module:
    """One of ``relu``, ``lrelu`` (slope 0.05), ``prelu`` (one parameter, 0.05); never in place."""
    if name not in _ACTIVATIONS:
        raise UsageError(f"unknown activation {name!r}; known: {', '.join(_ACTIVATIONS)}")
    return _ACTIVATIONS[name]()


def conv(c_in: int, c_out: int, kernel: int, *, groups: int = 1, dilation: int = 1, bias: bool) -> nn.Conv2d:
    """A convolution of stride 1 that keeps the size (odd kernels)."""
    padding = dilation * (kernel // 2)
    return nn.Conv2d(c_in, c_out, kernel, padding=padding, dilation=dilation, groups=groups, bias=bias)


class DenseBlock(nn.Module):
    """Two chained cells over a growing concatenation, then a 1x1 convolution and the residual.

    cell: input channels -> layers of one cell (ends with C channels). Shapes: (N, C, H, W) -> same.
    """

    #: see ``nas.models.optimizing``
    inference_form = "search_spaces.inference:dense_form"

    def __init__(self, channels: int, cell: Callable[[int], list[nn.Module]]) -> None:
        super().__init__()
        self.op1 = nn.Sequential(*cell(channels))
        self.op2 = nn.Sequential(*cell(2 * channels))
        in_parts(self.op2[0], inputs=[channels] * 2)
        self.reduce = in_parts(nn.Conv2d(3 * channels, channels, 1), inputs=[channels] * 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x1 = self.op1(x)  # (N, C, H, W)
        x2 = self.op2(torch.cat([x, x1], dim=1))  # (N, 2C, H, W) -> (N, C, H, W)
        reduced: torch.Tensor = self.reduce(torch.cat([x, x1, x2], dim=1))  # (N, 3C, H, W) -> (N, C, H, W)
        return x + reduced


@block("operation", name="none", zero=True)
class Zero(nn.Module):
    """No connection: zeros of the input's shape. Competes in the search, is never selected."""

    def __init__(self, channels: int) -> None:
        super().__init__()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 0 * x


@block("operation", name="skip_connect", identity=True)
class Identity(nn.Module):
    """The input itself."""

    def __init__(self, channels: int) -> None:
        super().__init__()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


@block("operation")
def sep_conv_3x3(channels: int, *, bias: bool = False, activation: str = "relu") -> nn.Module:
    """Sep-cell: depthwise 3x3, pointwise, activation (5C^2 + 28C parameters).

    In the second cell the depthwise convolution is grouped 2C -> C: output channel g reads channels 2g and
    2g + 1 of the concatenation.
    """

    def cell(c_in: int) -> list[nn.Module]:
        return [
            conv(c_in, channels, 3, groups=channels, bias=bias),
            conv(channels, channels, 1, bias=bias),
            make_activation(activation),
        ]

    return DenseBlock(channels, cell)


@block("operation")
def dil_conv_3x3(channels: int, *, bias: bool = False, activation: str = "relu") -> nn.Module:
    """Dil-cell: depthwise 3x3 of dilation 2, then 3, pointwise, activation (5C^2 + 46C parameters)."""

    def cell(c_in: int) -> list[nn.Module]:
        return [
            conv(c_in, channels, 3, groups=channels, dilation=2, bias=bias),
            conv(channels, channels, 3, groups=channels, dilation=3, bias=bias),
            conv(channels, channels, 1, bias=bias),
            make_activation(activation),
        ]

    return DenseBlock(channels, cell)


@block("operation")
def rb(channels: int, *, bias: bool = False, activation: str = "relu") -> nn.Module:
    """Common-cell: 3x3, activation, 3x3 (48C^2 + C parameters)."""

    def cell(c_in: int) -> list[nn.Module]:
        return [
            conv(c_in, channels, 3, bias=bias),
            make_activation(activation),
            conv(channels, channels, 3, bias=bias),
        ]

    return DenseBlock(channels, cell)


@block("operation")
def rb_5x5(channels: int, *, bias: bool = False, activation: str = "relu") -> nn.Module:
    """Common-cell of 5x5 kernels: 5x5, activation, 5x5 (128C^2 + C parameters); this project's, not the release's."""

    def cell(c_in: int) -> list[nn.Module]:
        return [
            conv(c_in, channels, 5, bias=bias),
            make_activation(activation),
            conv(channels, channels, 5, bias=bias),
        ]

    return DenseBlock(channels, cell)


@block("operation")
def lrb(channels: int, *, bias: bool = False, activation: str = "relu") -> nn.Module:
    """Light-cell: 1x1, activation, 3x3 (24C^2 + C parameters)."""

    def cell(c_in: int) -> list[nn.Module]:
        return [
            conv(c_in, channels, 1, bias=bias),
            make_activation(activation),
            conv(channels, channels, 3, bias=bias),
        ]

    return DenseBlock(channels, cell)


@block("operation")
def srb(channels: int, *, bias: bool = False, activation: str = "relu") -> nn.Module:
    """Shallow-cell: 3x3, activation (30C^2 + C parameters)."""

    def cell(c_in: int) -> list[nn.Module]:
        return [conv(c_in, channels, 3, bias=bias), make_activation(activation)]

    return DenseBlock(channels, cell)


@block("operation", name="acb")
class AsymmetricBlock(nn.Module):
    """1x3, 3x1, activation, plus the input (6C^2 parameters); in the release, but no candidate there.

    The residual is not added in place, so unlike the original it can be trained.
    """

    def __init__(self, channels: int, *, bias: bool = False, activation: str = "relu") -> None:
        super().__init__()
        self.op = nn.Sequential(
            nn.Conv2d(channels, channels, (1, 3), padding=(0, 1), bias=bias),
            nn.Conv2d(channels, channels, (3, 1), padding=(1, 0), bias=bias),
            make_activation(activation),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.op(x)
        return x + y
