"""Pixel attention of MSPAN, and the attention blocks it was compared with (specification section 4)."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines.mspan.config import MSPANConfig, activation_slope
from nas.errors import UsageError

#: The smallest side that the strided convolution and the 7x7 pooling of ESA can take.
ESA_MIN_SIZE = 15
#: Channel reduction of the CA variant; its published size allows no other usual one.
CA_REDUCTION = 16


def make_activation(name: str) -> nn.Module:
    """A new activation by its configuration name."""
    slope = activation_slope(name)
    if slope is None:
        return nn.PReLU()
    return nn.ReLU() if slope == 0.0 else nn.LeakyReLU(slope)


def conv(inputs: int, outputs: int, kernel: int, bias: bool = True) -> nn.Conv2d:
    """A convolution with zero padding that keeps the size."""
    return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=bias)


def make_attention(c: MSPANConfig) -> nn.Module:
    """The block's attention: (N, width, H, W) -> same."""
    kinds: dict[str, Callable[[MSPANConfig], nn.Module]] = {
        "none": lambda _: nn.Identity(),
        "ca": ChannelAttention,
        "esa": EnhancedSpatialAttention,
        "mspa": MultiSemanticPixelAttention,
    }
    return kinds[c.attention](c)


class MultiSemanticPixelAttention(nn.Module):
    """MSPA: x times a gate per pixel and channel, made from three resolutions (section 4.1).

    Below, C is the width, c the reduced width; the middle and low branches are a half and a quarter as large
    as the input, rounded up, so that every input from 1 x 1 pixel works (section 4.4).
    """

    def __init__(self, config: MSPANConfig) -> None:
        super().__init__()
        full, c, bias = config.width, config.attn_width, config.bias
        assert c is not None  # filled in by resolve
        rounds = range(config.attn_interactions)
        self.config = config
        self.channel_down = conv(full, c, 1, bias)
        self.full_conv = conv(c, c, 3, bias)
        self.context_mid = nn.ModuleList(conv(c, c, 3, bias) for _ in rounds)
        self.context_low = nn.ModuleList(conv(c, c, 3, bias) for _ in rounds)
        self.fuse_mid = nn.ModuleList(conv(2 * c, c, 1, bias) for _ in rounds)
        self.fuse_full = nn.ModuleList(conv(2 * c, c, 1, bias) for _ in rounds)
        self.channel_up = conv(c, full, 1, bias)
        self.act = make_activation(config.activation)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(x)

    def gate(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> values in 0..1 of the same shape."""
        first = self.config.full_conv == "spatial_down"
        full = self.channel_down(x)  # (N, c, H, W)
        if self.config.reduce_activation:
            full = self.act(full)
        mid = self._pool(self.act(self.full_conv(full)) if first else full)  # (N, c, H/2, W/2)
        low = self._pool(mid)  # (N, c, H/4, W/4)
        for t in range(len(self.context_mid)):
            if self.config.repool and t > 0:
                mid = self._pool(full)
                low = self._pool(mid)
            mid = self.act(self.context_mid[t](mid))
            low = self.act(self.context_low[t](low))
            mid = self._fuse(self.fuse_mid[t], mid, low)  # coarse to fine: low into middle,
            full = self._fuse(self.fuse_full[t], full, mid)  # middle into full resolution
        if not first:
            full = self.act(self.full_conv(full))
        return torch.sigmoid(self.channel_up(full))  # (N, C, H, W)

    def _fuse(self, fuse: nn.Module, fine: Tensor, coarse: Tensor) -> Tensor:
        size, mode = fine.shape[-2:], self.config.resize
        if mode == "nearest":
            aligned = F.interpolate(coarse, size=size, mode="nearest")
        else:
            aligned = F.interpolate(coarse, size=size, mode="bilinear", align_corners=mode == "bilinear_corners")
        fused: Tensor = self.act(fuse(torch.cat([fine, aligned], dim=1)))  # 2c -> c channels
        return fused

    def _pool(self, x: Tensor) -> Tensor:
        """Half the size, rounded up."""
        if self.config.pool == "max":
            return F.max_pool2d(x, 2, stride=2, ceil_mode=True)
        return F.avg_pool2d(x, 2, stride=2, ceil_mode=True, count_include_pad=False)


class ChannelAttention(nn.Module):
    """CA: x times a gate per channel from the global mean (squeeze and excitation; section 4.5)."""

    def __init__(self, config: MSPANConfig) -> None:
        super().__init__()
        reduced = max(1, config.width // CA_REDUCTION)
        self.down = conv(config.width, reduced, 1, config.bias)
        self.up = conv(reduced, config.width, 1, config.bias)

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean(dim=(-2, -1), keepdim=True)  # (N, C, 1, 1)
        return x * torch.sigmoid(self.up(F.relu(self.down(mean))))


class EnhancedSpatialAttention(nn.Module):
    """ESA: x times a gate from a strongly reduced copy with a wide view (section 4.5)."""

    def __init__(self, config: MSPANConfig) -> None:
        super().__init__()
        c, bias = config.attn_width, config.bias
        assert c is not None  # filled in by resolve
        self.channel_down = conv(config.width, c, 1, bias)
        self.stride = nn.Conv2d(c, c, 3, stride=2, bias=bias)
        self.body = nn.Sequential(conv(c, c, 3, bias), nn.ReLU(), conv(c, c, 3, bias), nn.ReLU(), conv(c, c, 3, bias))
        self.skip = conv(c, c, 1, bias)
        self.channel_up = conv(c, config.width, 1, bias)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        if min(height, width) < ESA_MIN_SIZE:
            raise UsageError(
                f"ESA needs at least {ESA_MIN_SIZE} x {ESA_MIN_SIZE} pixels, got {height} x {width}; "
                "pad the image or choose attention='mspa'"
            )
        reduced = self.channel_down(x)  # (N, c, H, W)
        wide = F.max_pool2d(self.stride(reduced), 7, stride=3)  # about (N, c, H/6, W/6)
        wide = F.interpolate(self.body(wide), size=(height, width), mode="bilinear", align_corners=False)
        return x * torch.sigmoid(self.channel_up(wide + self.skip(reduced)))
