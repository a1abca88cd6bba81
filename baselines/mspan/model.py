"""The two networks of MSPAN: super-resolution (section 2) and equal-size restoration (section 5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines.mspan import PAPER, RESTORATION_TASKS
from baselines.mspan.attention import ESA_MIN_SIZE, conv
from baselines.mspan.block import DistillationDenseBlock
from baselines.mspan.config import MSPANConfig, resolve
from nas.models.baseline_settings import settings_of
from nas.models.descriptor import ModelDescriptor

#: Mean colour of DIV2K on 0..1, subtracted only with ``mean_shift``.
DIV2K_MEAN = (0.4488, 0.4371, 0.4040)


@settings_of(MSPANConfig)
def create(**keywords: Any) -> nn.Module:
    """MSPAN by its keywords (see ``baselines.mspan.config.MSPANConfig``); scale 1 gives the restoration network."""
    config = resolve(keywords)
    return RestorationMSPAN(config) if config.scale == 1 else MSPAN(config)


class _Shifted(nn.Module):
    """What both networks share: configuration, descriptor, and the optional mean colour around the body."""

    mean: Tensor

    def optimized(self) -> nn.Module:
        """The network itself: its many branches of few channels are 7 % slower in the order (H, W, C)."""
        return self

    def __init__(self, config: MSPANConfig, tasks: tuple[str, ...]) -> None:
        super().__init__()
        assert config.scale is not None  # filled in by resolve
        self.config = config
        self.descriptor = ModelDescriptor(
            "mspan",
            config.scale,
            config.in_channels,
            value_range=1.0,
            min_size=ESA_MIN_SIZE if config.attention == "esa" else 1,
            tasks=tasks,
            paper=PAPER,
            config=asdict(config),
        )
        if config.mean_shift:  # a buffer that the configuration rebuilds: no parameter, no tensor in a file
            self.register_buffer("mean", torch.tensor(DIV2K_MEAN).view(1, 3, 1, 1), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """Image (N, 1 or 3, H, W) on 0..1 -> (N, same, scale * H, scale * W), not clamped."""
        if not self.config.mean_shift:
            return self.restored(image)
        return self.restored(image - self.mean) + self.mean

    def restored(self, image: Tensor) -> Tensor:
        raise NotImplementedError


class BackwardFusion(nn.Module):
    """BLF: from the deepest block to the first, halves of two maps side by side; linear by default (section 2)."""

    def __init__(self, config: MSPANConfig, steps: int) -> None:
        super().__init__()
        C = config.width
        self.relu = config.blf_activation == "relu"
        self.feature = nn.ModuleList(conv(C, C // 2, 1, config.bias) for _ in range(steps))
        self.deeper = nn.ModuleList(conv(C, C // 2, 1, config.bias) for _ in range(steps))

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Outputs of all blocks, each (N, C, H, W), shallow to deep -> (N, C, H, W)."""
        fused = features[-1]
        for i in reversed(range(len(self.feature))):
            halves = [self.feature[i](features[i]), self.deeper[i](fused)]  # C/2 each
            fused = torch.cat([F.relu(h) for h in halves] if self.relu else halves, dim=1)  # C
        return fused


class MSPAN(_Shifted):
    """Super-resolution: head, a chain of blocks, backward fusion, feature skip, one pixel shuffle."""

    def __init__(self, config: MSPANConfig) -> None:
        scale, blocks, channels = config.scale, config.n_blocks, config.out_channels
        assert scale is not None and blocks is not None and channels is not None  # filled in by resolve
        super().__init__(config, (f"sr_x{scale}*", *([f"sr_gray_x{scale}"] if channels == 1 else [])))
        C, bias = config.width, config.bias
        self.head = conv(config.in_channels, C, 3, bias)
        self.blocks = nn.ModuleList(DistillationDenseBlock(config) for _ in range(blocks))
        self.fusion = BackwardFusion(config, blocks - 1)
        self.reconstruction = nn.Sequential(
            conv(C, C, 3, bias), conv(C, channels * scale**2, 3, bias), nn.PixelShuffle(scale)
        )

    def restored(self, image: Tensor) -> Tensor:
        shallow = x = self.head(image)  # (N, C, H, W)
        features = []
        for block in self.blocks:
            x = block(x)
            features.append(x)
        out: Tensor = self.reconstruction(self.fusion(features) + shallow)  # (N, 3, s H, s W)
        return out


class ChannelLayerNorm(nn.Module):
    """Layer normalisation over the channels of each pixel of (N, C, H, W)."""

    def __init__(self, channels: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        y = F.layer_norm(x.permute(0, 2, 3, 1), self.weight.shape, self.weight, self.bias, self.eps)
        return y.permute(0, 3, 1, 2)  # back from (N, H, W, C)


class RestorationStage(nn.Module):
    """A block, then Z + MLP(LayerNorm(Z)); (N, C, H, W) -> same."""

    def __init__(self, config: MSPANConfig) -> None:
        super().__init__()
        assert config.mlp_ratio is not None  # filled in by resolve
        C, hidden = config.width, config.width * config.mlp_ratio
        self.block = DistillationDenseBlock(config)
        self.norm = ChannelLayerNorm(C, config.norm_eps)
        self.mlp = nn.Sequential(
            conv(C, hidden, 1, config.bias),
            nn.GELU() if config.mlp_activation == "gelu" else nn.ReLU(),
            conv(hidden, C, 1, config.bias),
        )

    def forward(self, x: Tensor) -> Tensor:
        z = self.block(x)
        out: Tensor = z + self.mlp(self.norm(z))
        return out


class RestorationMSPAN(_Shifted):
    """Equal-size restoration: the same blocks in the frame of DuRN; the network predicts a correction in -1..1."""

    def __init__(self, config: MSPANConfig) -> None:
        super().__init__(config, RESTORATION_TASKS)
        blocks, channels = config.n_blocks, config.out_channels
        assert blocks is not None and channels is not None  # filled in by resolve
        C, bias = config.width, config.bias
        self.head = nn.Sequential(conv(config.in_channels, C, 3, bias), nn.ReLU(), conv(C, C, 3, bias))
        self.stages = nn.Sequential(*(RestorationStage(config) for _ in range(blocks)))
        self.tail = nn.Sequential(conv(C, C, 3, bias), nn.ReLU(), conv(C, channels, 3, bias), nn.Tanh())

    def restored(self, image: Tensor) -> Tensor:
        out: Tensor = image + self.tail(self.stages(self.head(image)))
        return out
