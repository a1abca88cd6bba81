"""SPAN (Wan et al., CVPR Workshops 2024): attention without parameters, over three re-parameterised convolutions."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from search_spaces.modern.catalogue import registered
from search_spaces.modern.reparameterised import Conv3XC


@registered("spab")
class ParameterFreeAttention(nn.Module):
    """(h + x) times (sigmoid(h) - 1/2), h from three 3x3. Merged 27C^2 + 3C parameters, as trained 123C^2 + 18C.

    The gate is about h/4 near zero, so the block starts small: a search wraps it in a skip.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = Conv3XC(channels, channels)
        self.conv2 = Conv3XC(channels, channels)
        self.conv3 = Conv3XC(channels, channels)

    def with_inner(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The output, and the first convolution's activated output, which SPAN's tail takes from its last block."""
        inner = F.silu(self.conv1(x))
        h = self.conv3(F.silu(self.conv2(inner)))
        return (h + x) * (torch.sigmoid(h) - 0.5), inner

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.with_inner(x)[0]
