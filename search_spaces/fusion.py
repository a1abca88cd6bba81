"""Joining the cells' outputs: progressive fusion (supernet) and the cross-scale fusion module.

Source: official JSNet release; the cross-scale module is CSFM in the paper, ``cpam`` in the release.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from search_spaces.attentions import ChannelAttention, reduced


class ProgressiveFusion(nn.Module):
    """PFFM: fuse the cells' outputs from the last to the first (supernet only).

    g_0 = process(c_L), g_i = convs[i-1]([g_(i-1), c_(L-i)]), out = fusion([g_0, ..., g_(L-1)]). This is the
    generalisation of the release, whose code is right for two and three cells only. One cell: out = g_0.
    """

    def __init__(self, channels: int, layers: int) -> None:
        super().__init__()
        self.process_conv = nn.Conv2d(channels, channels, 1)
        self.convs = nn.ModuleList(nn.Conv2d(2 * channels, channels, 1) for _ in range(layers - 1))
        # With one cell the layer would never run, and an unused weight breaks second-order search.
        self.fusion = nn.Conv2d(layers * channels, channels, 1) if layers > 1 else None

    def forward(self, outputs: Sequence[torch.Tensor]) -> torch.Tensor:
        """outputs: L tensors (N, W, H, W') in network order -> (N, W, H, W')."""
        fused = [self.process_conv(outputs[-1])]
        for join, earlier in zip(self.convs, reversed(outputs[:-1]), strict=True):
            fused.append(join(torch.cat([fused[-1], earlier], dim=1)))  # (N, 2W, H, W') -> (N, W, H, W')
        if self.fusion is None:
            first: torch.Tensor = fused[0]
            return first
        y: torch.Tensor = self.fusion(torch.cat(fused, dim=1))  # (N, L*W, H, W') -> (N, W, H, W')
        return y


class PixelGate(nn.Module):
    """k3(x) * sigmoid(k2(x)): a 3x3 convolution without bias, gated by a 1x1 convolution."""

    #: see ``nas.models.optimizing``
    inference_form = "search_spaces.inference:PixelGateForm"

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.k2 = nn.Conv2d(channels, channels, 1)
        self.k3 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.k3(x) * torch.sigmoid(self.k2(x))
        return y


class CrossScaleFusion(nn.Module):
    """CSFM: two branches that exchange channel-attended features twice, W -> W/2 channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        c = channels // 2
        reduced(c, 16)  # says early that the cell is too narrow
        self.process = nn.Conv2d(channels, c, 1)
        self.pa_1 = PixelGate(c)
        self.pa_2 = PixelGate(c)
        self.ca_1_1 = ChannelAttention(c, reduction=16)
        self.ca_1_2 = ChannelAttention(c, reduction=16)
        self.ca_2_1 = ChannelAttention(c, reduction=16)
        self.ca_2_2 = ChannelAttention(c, reduction=16)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(N, W, H, W') -> (N, W/2, H, W')."""
        x = self.process(features)  # (N, W, H, W') -> (N, W/2, H, W')
        h = self.pa_1(x)
        down = x + self.ca_1_2(h)
        up = h + self.ca_1_1(x)
        g = self.pa_2(down)
        y: torch.Tensor = (g + self.ca_2_1(up)) + (up + self.ca_2_2(g))
        return y
