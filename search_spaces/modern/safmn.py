"""SAFMN (Sun et al., ICCV 2023) and SAFMN++ (NTIRE 2024): modulation by pooled views, and a convolutional mixer."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from nas.models.sharing import in_parts
from search_spaces.modern.catalogue import registered
from search_spaces.modern.layers import conv, depthwise, enlarged, pooled

LEVELS = 4


@registered("ccm")
class ConvolutionalMixer(nn.Module):
    """Conv3, GELU, Conv1. 20C^2 + 3C parameters at the expansion 2."""

    def __init__(self, channels: int, *, expansion: float = 2.0) -> None:
        super().__init__()
        hidden = int(channels * expansion)
        self.spatial = conv(channels, hidden, 3)
        self.reduce = conv(hidden, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.reduce(F.gelu(self.spatial(x)))
        return y


@registered("safm")
class FeatureModulation(nn.Module):
    """Channel quarters seen at 1/1, 1/2, 1/4 and 1/8, joined into a modulation of the input. C^2 + 11C parameters."""

    def __init__(self, channels: int, *, enlarge: str = "nearest") -> None:
        super().__init__()
        self.enlarge = enlarge
        self.levels = nn.ModuleList(depthwise(channels // LEVELS, 3) for _ in range(LEVELS))
        self.mix = in_parts(conv(channels, channels), inputs=[channels // LEVELS] * LEVELS)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first, *others = x.chunk(LEVELS, dim=1)
        views = [self.levels[0](first)]
        for i, quarter in enumerate(others, start=1):
            views.append(enlarged(self.levels[i](pooled(quarter, 2**i)), x, self.enlarge))
        return F.gelu(self.mix(torch.cat(views, dim=1))) * x


@registered("safm_pp")
class SimpleModulation(nn.Module):
    """A 3x3, whose first channels are modulated by their own pooled view; no biases. 10C^2 + 9C/4 parameters."""

    def __init__(self, channels: int, *, ratio: int = 4) -> None:
        super().__init__()
        self.part = channels // ratio
        rest = channels - self.part
        self.enter = in_parts(conv(channels, channels, 3, bias=False), outputs=[self.part, rest])
        self.pooled = depthwise(self.part, 3, bias=False)
        self.leave = in_parts(conv(channels, channels, bias=False), inputs=[rest, self.part])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.enter(x)
        first, rest = h[:, : self.part], h[:, self.part :]
        gate = F.gelu(enlarged(self.pooled(pooled(first)), first, "bilinear"))
        y: torch.Tensor = self.leave(F.gelu(torch.cat([rest, first * gate], dim=1)))
        return y
