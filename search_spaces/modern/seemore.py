"""SeemoRe (Zamfir et al., ICML 2024) without its expert block: striped modulation and a gated FFN."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from nas.models.sharing import in_parts
from search_spaces.modern.catalogue import registered
from search_spaces.modern.layers import conv, depthwise


@registered("gated_ffn")
class GatedFFN(nn.Module):
    """Half of the hidden channels gates the other half, which passes a depthwise kernel. 3C^2 + 13C parameters."""

    def __init__(self, channels: int, *, kernel: int = 3) -> None:
        super().__init__()
        self.expand = in_parts(conv(channels, 2 * channels), outputs=[channels] * 2)
        self.depthwise = depthwise(channels, kernel)
        self.reduce = conv(channels, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a, b = F.gelu(self.expand(x)).chunk(2, dim=1)
        return F.gelu(self.reduce(a * self.depthwise(b)))


@registered("striped")
class StripedModulation(nn.Module):
    """One half passes a row and a column of a depthwise kernel and multiplies the other. 3C^2 + 27C parameters."""

    def __init__(self, channels: int, *, kernel: int = 11) -> None:
        super().__init__()
        self.expand = in_parts(conv(channels, 2 * channels), outputs=[channels] * 2)
        self.across = depthwise(channels, (1, kernel))
        self.down = depthwise(channels, (kernel, 1))
        self.reduce = conv(channels, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, v = F.gelu(self.expand(x)).chunk(2, dim=1)
        y: torch.Tensor = self.reduce(self.down(self.across(q)) * v)
        return y
