"""Strips of 31 pixels on a quarter of the channels (LKFMixer and LKMN, 2025), alone and beside a 3x3."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from nas.models.sharing import in_parts
from search_spaces.modern.catalogue import registered
from search_spaces.modern.layers import conv, depthwise

#: Channels in one group of the regrouping, and the inverse share of channels that the strips see.
GROUP = 4


@registered("lk_strip")
class Strip(nn.Module):
    """A row and a column of a long depthwise kernel on a quarter of the channels, then a 1x1 convolution and GELU.

    LKMN's form regroups the channels first, so that the quarter is spread over all of them, and gates that quarter by
    its own mean; LKFMixer's form does neither. C^2 + 17C parameters with a kernel of 31.
    """

    def __init__(self, channels: int, *, kernel: int = 31, enhanced: bool = True) -> None:
        super().__init__()
        self.part, self.enhanced = channels // GROUP, enhanced
        self.across = depthwise(self.part, (1, kernel))
        self.down = depthwise(self.part, (kernel, 1))
        self.mix = in_parts(conv(channels, channels), inputs=[self.part] * GROUP if enhanced else ())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.enhanced:  # output channel j * C/4 + i is input channel 4i + j
            x = x.unflatten(1, (self.part, GROUP)).transpose(1, 2).flatten(1, 2)
        first, rest = x[:, : self.part], x[:, self.part :]
        if self.enhanced:
            first = first * torch.sigmoid(first.mean(dim=(-2, -1), keepdim=True))
        return F.gelu(self.mix(torch.cat([self.down(self.across(first)), rest], dim=1)))


@registered("lk_fuse")
class FusedStrip(nn.Module):
    """Strip and 3x3 added, then mixed (LKFMixer's feature fusion). 2C^2 + 28C parameters."""

    def __init__(self, channels: int, *, kernel: int = 31) -> None:
        super().__init__()
        self.local = depthwise(channels, 3)
        self.strip = Strip(channels, kernel=kernel, enhanced=False)
        self.mix = conv(channels, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.gelu(self.mix(self.local(x) + self.strip(x)))


@registered("lk_mix")
class MixedStrip(nn.Module):
    """Strip and 3x3 side by side, then mixed (LKMN's feature aggregation). 3C^2 + 28C parameters."""

    def __init__(self, channels: int, *, kernel: int = 31) -> None:
        super().__init__()
        self.local = depthwise(channels, 3)
        self.strip = Strip(channels, kernel=kernel)
        self.mix = in_parts(conv(2 * channels, channels), inputs=[channels] * 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.gelu(self.mix(torch.cat([self.local(x), self.strip(x)], dim=1)))
