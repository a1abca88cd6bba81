"""SMFANet (Zheng et al., ECCV 2024): self-modulation by a non-local and a local branch, a partly convolutional FFN."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from nas.models.sharing import in_parts
from search_spaces.modern.catalogue import registered
from search_spaces.modern.layers import conv, depthwise, enlarged, pooled


@registered("pcfn")
class PartlyConvolutionalFFN(nn.Module):
    """A pointwise FFN whose first quarter of hidden channels also passes a 3x3 convolution.

    That quarter is activated twice, before and after it. 6.25C^2 + 3.5C parameters at the expansion 2.
    """

    def __init__(self, channels: int, *, expansion: int = 2) -> None:
        super().__init__()
        hidden = channels * expansion
        self.part = hidden // 4
        parts = [self.part, hidden - self.part]
        self.expand = in_parts(conv(channels, hidden), outputs=parts)
        self.partial = conv(self.part, self.part, 3)
        self.reduce = in_parts(conv(hidden, channels), inputs=parts)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = F.gelu(self.expand(x))  # (N, C, H, W) -> (N, 2C, H, W)
        first, rest = h[:, : self.part], h[:, self.part :]
        y: torch.Tensor = self.reduce(torch.cat([F.gelu(self.partial(first)), rest], dim=1))
        return y


@registered("dw_ffn")
class DepthwiseFFN(nn.Module):
    """An FFN that begins with a depthwise 3x3 of two outputs a channel: SMFA's local branch. 6C^2 + 23C parameters."""

    #: see ``nas.models.optimizing``
    inference_form = "search_spaces.modern.inference:SplitFFN"

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = 2 * channels
        self.depthwise = conv(channels, hidden, 3, groups=channels)
        self.pointwise = conv(hidden, hidden)
        self.reduce = conv(hidden, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.reduce(F.gelu(self.pointwise(self.depthwise(x))))
        return y


class PooledGate(nn.Module):
    """A gate from the largest values of a coarse grid and the spatial variance, brought back to full size."""

    #: see ``nas.models.optimizing``
    inference_form = "search_spaces.modern.inference:PlainGate"

    def __init__(self, channels: int, enlarge: str) -> None:
        super().__init__()
        self.enlarge = enlarge
        self.pooled = depthwise(channels, 3)
        self.alpha = nn.Parameter(torch.ones(1, channels, 1, 1))
        self.beta = nn.Parameter(torch.zeros(1, channels, 1, 1))
        self.mix = conv(channels, channels)

    def forward(self, v: torch.Tensor) -> torch.Tensor:
        grid = self.pooled(pooled(v))  # (N, C, H, W) -> (N, C, H/8, W/8)
        spread = v.var(dim=(-2, -1), keepdim=True)  # (N, C, 1, 1), unbiased
        return enlarged(F.gelu(self.mix(self.alpha * grid + self.beta * spread)), v, self.enlarge)


@registered("smfa")
class SelfModulation(nn.Module):
    """A half that is gated by its own pooled view, plus a half that is refined locally.

    10C^2 + 39C parameters. Needs 8x8 pixels; sees the whole image through the variance.
    """

    def __init__(self, channels: int, *, enlarge: str = "nearest") -> None:
        super().__init__()
        self.split = in_parts(conv(channels, 2 * channels), outputs=[channels] * 2)
        self.modulator = PooledGate(channels, enlarge)
        self.local = DepthwiseFFN(channels)
        self.join = conv(channels, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y, v = self.split(x).chunk(2, dim=1)
        out: torch.Tensor = self.join(v * self.modulator(v) + self.local(y))
        return out


@registered("easa")
class PooledModulation(nn.Module):
    """``smfa`` without its local half; not a published block. 3C^2 + 15C parameters."""

    def __init__(self, channels: int, *, enlarge: str = "nearest") -> None:
        super().__init__()
        self.enter = conv(channels, channels)
        self.modulator = PooledGate(channels, enlarge)
        self.join = conv(channels, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        v = self.enter(x)
        out: torch.Tensor = self.join(v * self.modulator(v))
        return out
