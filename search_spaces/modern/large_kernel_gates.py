"""Modulations built on the strip: by a pooled view, by selection, by crossed gates (LKFMixer and LKMN, 2025)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from nas.models.sharing import in_parts
from search_spaces.modern.catalogue import registered
from search_spaces.modern.large_kernel import Strip
from search_spaces.modern.layers import conv, depthwise, enlarged, pooled

#: Start of the learnt scales of the crossed gates.
FIRST_SCALE = 1e-5


@registered("lk_modulate")
class StripModulation(nn.Module):
    """The strip plus a pooled view that is weighted by the global mean (LKFMixer). 3C^2 + 29C parameters."""

    def __init__(self, channels: int, *, kernel: int = 31) -> None:
        super().__init__()
        self.strip = Strip(channels, kernel=kernel, enhanced=False)
        self.pooled = depthwise(channels, 3)
        self.coarse = conv(channels, channels)
        self.mix = conv(channels, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        coarse = enlarged(F.gelu(self.coarse(self.pooled(pooled(x)))), x, "bilinear")
        weight = torch.sigmoid(x.mean(dim=(-2, -1), keepdim=True))  # (N, C, 1, 1)
        return F.gelu(self.mix(self.strip(x) + coarse * weight))


@registered("lk_select")
class StripSelection(nn.Module):
    """A gate that chooses between strip and 3x3 (LKFMixer). 3C^2 + 28C parameters.

    GELU before the sigmoid keeps the share of the strip above 0.457, as in the release.
    """

    def __init__(self, channels: int, *, kernel: int = 31) -> None:
        super().__init__()
        self.strip = Strip(channels, kernel=kernel, enhanced=False)
        self.local = depthwise(channels, 3)
        self.choose = in_parts(conv(2 * channels, channels), inputs=[channels] * 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        far, near = self.strip(x), self.local(x)
        share = torch.sigmoid(F.gelu(self.choose(torch.cat([far, near], dim=1))))
        return far * share + near * (1 - share)


@registered("lk_crossgate")
class CrossedGates(nn.Module):
    """Strip and 3x3, each gated by what the other one changed (LKMN). 3C^2 + 30C parameters.

    Both scales start at 1e-5, so that the block begins as good as silent.
    """

    def __init__(self, channels: int, *, kernel: int = 31) -> None:
        super().__init__()
        self.strip = Strip(channels, kernel=kernel)
        self.local = depthwise(channels, 3)
        self.strip_scale = nn.Parameter(torch.full((1, channels, 1, 1), FIRST_SCALE))
        self.local_scale = nn.Parameter(torch.full((1, channels, 1, 1), FIRST_SCALE))
        self.mix = in_parts(conv(2 * channels, channels), inputs=[channels] * 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        far, near = self.strip(x), self.local(x)
        far_gate, near_gate = self.local_scale * (x - near), self.strip_scale * (x - far)
        return F.gelu(self.mix(torch.cat([far * far_gate, near * near_gate], dim=1)))
