"""Attention blocks: the candidates of the attention cell (W channels in, W out, same size).

Every block multiplies its input by a sigmoid gate: ``y = gate(x) * x``. ``gate`` is a method of its own, so
that a mixed edge may add gates instead of gated features. f = W // 8 unless stated.
Source: official JSNet release (Shen et al., Pattern Recognition 132, 2022) and the papers named below.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from nas.errors import NasError, UsageError
from nas.space.blocks import block
from search_spaces.operations import Identity, Zero

#: Below this variance the square root is held constant, so that a flat channel has a finite gradient.
SMALLEST_VARIANCE = 1e-12


def reduced(channels: int, reduction: int) -> int:
    """``channels // reduction``, refused where nothing would be left."""
    if channels < reduction:
        raise UsageError(
            f"{channels} channels cannot be reduced {reduction} times in an attention block; "
            f"make the cell at least {reduction} channels wide"
        )
    return channels // reduction


def conv1x1(c_in: int, c_out: int, normed: bool = False) -> nn.Module:
    """A 1x1 convolution with bias, weight-normalised per output channel where ``normed``."""
    layer = nn.Conv2d(c_in, c_out, 1)
    return weight_norm(layer) if normed else layer


class ChannelStatistics(nn.Module):
    """(N, C, H, W) -> (N, 2, H, W): the maximum over the channels, then their mean."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x.amax(dim=1, keepdim=True), x.mean(dim=1, keepdim=True)], dim=1)


class Gated(nn.Module):
    """A block whose gate is one sequence of layers called ``at`` that ends with a sigmoid."""

    #: see ``nas.models.optimizing``
    inference_form = "search_spaces.inference:gated_form"

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.at = nn.Sequential(*layers, nn.Sigmoid())

    def gate(self, x: torch.Tensor) -> torch.Tensor:
        """Values in 0..1 of a shape that broadcasts with ``x``."""
        y: torch.Tensor = self.at(x)
        return y

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.gate(x) * x


block("attention", name="none", zero=True)(Zero)
block("attention", name="skip_connect", identity=True)(Identity)


@block("attention", name="pixel_wise_attention")
class PixelAttention(Gated):
    """One map for all channels, from three 1x1 convolutions (CANet)."""

    def __init__(self, channels: int) -> None:
        f = reduced(channels, 8)
        super().__init__(conv1x1(channels, f), nn.ReLU(), conv1x1(f, 2), nn.ReLU(), conv1x1(2, 1))


@block("attention", name="channel_wise_attention")
class ChannelAttention(Gated):
    """Squeeze and excitation with weight-normalised convolutions (RCAN)."""

    def __init__(self, channels: int, *, reduction: int = 8) -> None:
        f = reduced(channels, reduction)
        super().__init__(nn.AdaptiveAvgPool2d(1), conv1x1(channels, f, True), nn.ReLU(), conv1x1(f, channels, True))


@block("attention", name="contrast_aware_channel_attention")
class ContrastAttention(nn.Module):
    """Channel attention on the sum of spatial standard deviation and mean (IMDN).

    The standard deviation is the population's. The variance is clamped from below at 1e-12: the value moves
    by at most 1e-6, and a channel without contrast gives a zero gradient where the original gives NaN.
    """

    #: see ``nas.models.optimizing``
    inference_form = "search_spaces.inference:contrast_form"

    def __init__(self, channels: int) -> None:
        super().__init__()
        f = reduced(channels, 8)
        self.conv_du = nn.Sequential(conv1x1(channels, f), nn.ReLU(), conv1x1(f, channels), nn.Sigmoid())

    def gate(self, x: torch.Tensor) -> torch.Tensor:
        """(N, W, 1, 1), values in 0..1."""
        mean = x.mean(dim=(2, 3), keepdim=True)  # (N, W, 1, 1)
        variance = (x - mean).square().mean(dim=(2, 3), keepdim=True)  # (N, W, 1, 1)
        y: torch.Tensor = self.conv_du(variance.clamp(min=SMALLEST_VARIANCE).sqrt() + mean)  # as ncnn has it
        return y

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.gate(x) * x


@block("attention", name="spatial_attention")
class SpatialAttention(Gated):
    """One map from channel maximum and mean through a 5x5 convolution (CBAM)."""

    def __init__(self, channels: int) -> None:
        super().__init__(ChannelStatistics(), nn.Conv2d(2, 1, 5, padding=2))


@block("attention", name="spatial_attention_v2")
class DilatedSpatialAttention(Gated):
    """One map from a bottleneck of two dilated 3x3 convolutions (BAM)."""

    def __init__(self, channels: int) -> None:
        f = reduced(channels, 8)
        super().__init__(
            conv1x1(channels, f),
            nn.Conv2d(f, f, 3, padding=4, dilation=4),
            nn.ReLU(),
            nn.Conv2d(f, f, 3, padding=4, dilation=4),
            nn.ReLU(),
            conv1x1(f, 1),
        )


class Checked(nn.Identity):
    """Passes its input on after a check; a layer, so that a trace of the block that has it meets no branch."""

    def __init__(self, check: Callable[[torch.Tensor], None]) -> None:
        super().__init__()
        self.check = check

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.check(x)
        return x


@block("attention", name="esab", min_size=15)
class EnhancedSpatialAttention(nn.Module):
    """Enhanced spatial attention from a strided, pooled and resized bottleneck (RFANet).

    Needs at least 15 x 15 pixels: a smaller map has no place for the 7x7 pooling window.
    """

    #: see ``nas.models.optimizing``
    inference_form = "search_spaces.inference:enhanced_spatial_form"

    min_size = 15

    def __init__(self, channels: int) -> None:
        super().__init__()
        f = reduced(channels, 8)
        self.large_enough = Checked(self.check)
        self.conv1 = nn.Conv2d(channels, f, 1)
        self.conv_f = nn.Conv2d(f, f, 1)
        self.conv_max = nn.Conv2d(f, f, 3, padding=1)
        self.conv2 = nn.Conv2d(f, f, 3, stride=2)
        self.conv3 = nn.Conv2d(f, f, 3, padding=1)
        self.conv3_ = nn.Conv2d(f, f, 3, padding=1)
        self.conv4 = nn.Conv2d(f, channels, 1)

    def gate(self, x: torch.Tensor) -> torch.Tensor:
        """(N, W, H, W'), values in 0..1."""
        height, width = x.shape[-2:]
        a = self.conv1(self.large_enough(x))  # (N, W, H, W') -> (N, f, H, W')
        b = F.max_pool2d(self.conv2(a), kernel_size=7, stride=3)  # about (N, f, H/6, W'/6)
        b = F.relu(self.conv_max(b))
        b = self.conv3_(F.relu(self.conv3(b)))
        b = F.interpolate(b, size=(height, width), mode="bilinear", align_corners=False)  # (N, f, H, W')
        return torch.sigmoid(self.conv4(b + self.conv_f(a)))  # (N, f, H, W') -> (N, W, H, W')

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.gate(x)

    @classmethod
    def check(cls, x: torch.Tensor) -> None:
        """Raise NasError unless ``x`` is large enough."""
        height, width = x.shape[-2:]
        if min(height, width) < cls.min_size:
            raise NasError(
                f"esab cannot work on {height}x{width} pixels; give it at least "
                f"{cls.min_size}x{cls.min_size} (the harness pads, or use larger patches)"
            )


@block("attention", name="cea", channel_multiple=8)
class CostEfficientAttention(Gated):
    """1x1 reduction, then a grouped 3x3 convolution back to W channels without bias (MAFFSRN).

    Output channel j of the second convolution reads reduced channel j // (W / f).
    """

    def __init__(self, channels: int) -> None:
        f = reduced(channels, 8)
        if channels % f:
            raise UsageError(f"cea needs a width divisible by its {f} groups, not {channels}; use a multiple of 8")
        super().__init__(conv1x1(channels, f), nn.Conv2d(f, channels, 3, padding=1, groups=f, bias=False))
