"""IDDB, the information distillation dense block of MSPAN (specification section 3)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from baselines.mspan.attention import conv, make_activation, make_attention
from baselines.mspan.config import MSPANConfig


class DistillationDenseBlock(nn.Module):
    """X + attention(U), U fused from the distilled parts of all AUs and the last refined part.

    Pairs of an AU (1x1 convolution over the refined part and everything distilled before) and a CU (3x3
    convolution on the refined part). With C the width and d the distilled channels, AU j reads
    C + (j - 1) d channels and writes d + C; the d go to every later AU and to the fusion, the C to its CU.
    """

    def __init__(self, config: MSPANConfig) -> None:
        super().__init__()
        C, d, pairs, bias = config.width, config.distilled, config.n_pairs, config.bias
        self.config = config
        self.au = nn.ModuleList(conv(C + j * d, d + C, 1, bias) for j in range(pairs))
        self.cu = nn.ModuleList(conv(C, C, 3, bias) for _ in range(pairs))
        self.fuse = conv(C + pairs * d, C, 1, bias)
        self.attention = make_attention(config)
        self.act = make_activation(config.activation)

    def forward(self, x: Tensor) -> Tensor:
        refined = x  # (N, C, H, W)
        distilled: list[Tensor] = []  # each (N, d, H, W)
        for au, cu in zip(self.au, self.cu, strict=True):
            y = self._activated(au, self._join(refined, distilled, self.config.au_order))  # (N, d + C, H, W)
            part, refined = torch.split(y, [self.config.distilled, self.config.width], dim=1)
            distilled.append(part)
            correction = self._activated(cu, refined)
            refined = refined + correction if self.config.cu_residual else correction
        u = self.fuse(self._join(refined, distilled, self.config.fuse_order))  # C + pairs * d -> C
        out: Tensor = x + self.attention(u)
        return out

    def _activated(self, layer: nn.Module, x: Tensor) -> Tensor:
        after = self.config.activation_position == "after"
        y: Tensor = self.act(layer(x)) if after else layer(self.act(x))
        return y

    @staticmethod
    def _join(refined: Tensor, distilled: list[Tensor], order: str) -> Tensor:
        first_refined = order == "refined_first"
        return torch.cat([refined, *distilled] if first_refined else [*distilled, refined], dim=1)
