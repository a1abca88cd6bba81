"""Composite attentions of the JSNet release, left from an earlier space: registered, but part of no preset.

All reduce by 16 and use weight-normalised convolutions unless stated. Shapes: (N, W, H, W') -> same.
Source: official JSNet release.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from nas.models.sharing import in_parts
from nas.space.blocks import block
from search_spaces.attentions import ChannelStatistics, conv1x1, reduced


def _channel_layers(channels: int, f: int) -> list[nn.Module]:
    return [nn.AdaptiveAvgPool2d(1), conv1x1(channels, f, True), nn.ReLU(), conv1x1(f, channels, True)]


def _spatial_layers() -> list[nn.Module]:
    return [ChannelStatistics(), weight_norm(nn.Conv2d(2, 1, 5, padding=2)), nn.Sigmoid()]


@block("attention", name="pa_sa_cascade")
class PixelChannelCascade(nn.Module):
    """Pixel attention, then channel attention (the name says spatial; the release does this)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        f = reduced(channels, 16)
        self.pa = nn.Sequential(
            conv1x1(channels, f, True),
            nn.ReLU(),
            conv1x1(f, 2, True),
            nn.ReLU(),
            conv1x1(2, 1, True),
            nn.Sigmoid(),
        )
        self.ca = nn.Sequential(*_channel_layers(channels, f), nn.Sigmoid())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.pa(x) * x
        y: torch.Tensor = self.ca(h) * h
        return y


@block("attention", name="ca_sa_cascade")
class ChannelSpatialCascade(nn.Module):
    """Channel attention, then spatial attention (CBAM)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.ca = nn.Sequential(*_channel_layers(channels, reduced(channels, 16)), nn.Sigmoid())
        self.sa = nn.Sequential(*_spatial_layers())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.ca(x) * x
        y: torch.Tensor = self.sa(h) * h
        return y


@block("attention", name="ca_sa_parallel")
class ChannelSpatialParallel(nn.Module):
    """Gate 1 + sigmoid(CA + SA) with a dilated spatial branch (BAM)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        f = reduced(channels, 16)
        self.ca = nn.Sequential(*_channel_layers(channels, f))
        self.sa = nn.Sequential(
            conv1x1(channels, f, True),
            weight_norm(nn.Conv2d(f, f, 3, padding=4, dilation=4)),
            nn.ReLU(),
            weight_norm(nn.Conv2d(f, f, 3, padding=4, dilation=4)),
            nn.ReLU(),
            conv1x1(f, 1),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (1 + torch.sigmoid(self.ca(x) + self.sa(x))) * x  # (N, W, 1, 1) + (N, 1, H, W') broadcast


@block("attention", name="sa_ca_dual")
class SpatialChannelDual(nn.Module):
    """A 1x1 convolution over [SA * x, CA * x], plus the input (RAM-like)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.sa = nn.Sequential(*_spatial_layers())
        self.ca = nn.Sequential(*_channel_layers(channels, reduced(channels, 16)), nn.Sigmoid())
        self.conv1x1 = in_parts(nn.Conv2d(2 * channels, channels, 1), inputs=[channels] * 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.conv1x1(torch.cat([self.sa(x) * x, self.ca(x) * x], dim=1))
        return y + x


@block("attention", name="pa_ca_parallel")
class PositionChannelParallel(nn.Module):
    """Position and channel self-attention side by side (DANet); builds an HW x HW matrix."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        f = reduced(channels, 16)
        self.process_conv1 = nn.Conv2d(channels, f, 3, padding=1)
        self.query_conv = conv1x1(f, f, True)
        self.key_conv = conv1x1(f, f, True)
        self.value_conv = conv1x1(f, f, True)
        self.gamma1 = nn.Parameter(torch.zeros(1))
        self.tail_conv1 = nn.Conv2d(f, channels, 3, padding=1)
        self.process_conv2 = nn.Conv2d(channels, f, 3, padding=1)
        self.gamma2 = nn.Parameter(torch.zeros(1))
        self.tail_conv2 = nn.Conv2d(f, channels, 3, padding=1)

    def _position(self, h: torch.Tensor) -> torch.Tensor:
        query = self.query_conv(h).flatten(2)  # (N, f, HW)
        key = self.key_conv(h).flatten(2)  # (N, f, HW)
        value = self.value_conv(h).flatten(2)  # (N, f, HW)
        affinity = torch.softmax(query.transpose(1, 2) @ key, dim=-1)  # (N, HW, HW)
        # As released: not transposed, so the weights of one output position do not sum to one.
        return self.gamma1 * (value @ affinity).view_as(h) + h

    def _channel(self, h: torch.Tensor) -> torch.Tensor:
        flat = h.flatten(2)  # (N, f, HW)
        energy = flat @ flat.transpose(1, 2)  # (N, f, f)
        affinity = torch.softmax(energy.amax(dim=-1, keepdim=True) - energy, dim=-1)
        return self.gamma2 * (affinity @ flat).view_as(h) + h

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        position = self.tail_conv1(self._position(self.process_conv1(x)))  # (N, f, H, W') -> (N, W, H, W')
        channel = self.tail_conv2(self._channel(self.process_conv2(x)))
        y: torch.Tensor = position + channel
        return y
