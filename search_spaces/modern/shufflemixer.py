"""ShuffleMixer (Sun et al., NeurIPS 2022): half of the channels through an MLP, shuffled, around a 7x7 depthwise."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from search_spaces.modern.catalogue import registered
from search_spaces.modern.layers import LayerNorm, conv, depthwise

GROUPS = 8
#: Of the norms, ten times that of the other families.
EPSILON = 1e-5


class ShuffledMLP(nn.Module):
    """Half of the channels through two 1x1 convolutions, then all of them shuffled in 8 groups."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.half = channels // 2
        self.expand = conv(self.half, channels)
        self.reduce = conv(channels, self.half)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first, rest = x[:, : self.half], x[:, self.half :]
        joined = torch.cat([self.reduce(F.silu(self.expand(first))), rest], dim=1)
        return joined.unflatten(1, (GROUPS, -1)).transpose(1, 2).flatten(1, 2)


@registered("shm_layer")
class ShuffleMixerLayer(nn.Module):
    """Shuffled MLP, 7x7 depthwise, shuffled MLP; norms and skips inside. 2C^2 + 55C parameters."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1 = LayerNorm(channels, EPSILON, shift=False)
        self.norm2 = LayerNorm(channels, EPSILON, shift=False)
        self.mlp1, self.mlp2 = ShuffledMLP(channels), ShuffledMLP(channels)
        self.spatial = depthwise(channels, 7)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.mlp1(self.norm1(x))
        x = self.spatial(x)
        y: torch.Tensor = x + self.mlp2(self.norm2(x))
        return y
