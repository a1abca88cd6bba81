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

    def folded(self, outputs: Sequence[torch.Tensor], after: nn.Conv2d) -> torch.Tensor:
        """This fusion and a 1x1 convolution of its result, as one 1x1 convolution of each cell's output.

        Everything here is linear, so that the matrices can be multiplied first: with T the columns of ``after`` times
        ``fusion`` that read g_i, the matrix for g_i is T_i plus what the later g take of it.

        Args:
            outputs: L tensors (N, W, H, W') in network order.
            after: W to any number of channels.

        Returns:
            after(forward(outputs)), up to rounding.
        """
        with torch.autocast(outputs[0].device.type, enabled=False):
            matrices, bias = self._folded_matrices(after, len(outputs))
        total = nn.functional.conv2d(outputs[-1], matrices[0][:, :, None, None], bias)
        for matrix, output in zip(matrices[1:], reversed(outputs[:-1]), strict=True):
            total = total + nn.functional.conv2d(output, matrix[:, :, None, None])
        return total

    def _folded_matrices(self, after: nn.Conv2d, layers: int) -> tuple[list[torch.Tensor], torch.Tensor]:
        """(channels of ``after``, W) for c_L, c_(L-1), ..., c_1, and the bias."""
        own, bias = after.weight.flatten(1), after.bias
        assert bias is not None
        if self.fusion is None:
            taken: tuple[torch.Tensor, ...] = (own,)
        else:
            assert self.fusion.bias is not None
            taken = (own @ self.fusion.weight.flatten(1)).chunk(layers, dim=1)
            bias = bias + own @ self.fusion.bias
        later, found = None, []
        for i in reversed(range(1, layers)):
            join = self.convs[i - 1]
            matrix = taken[i] if later is None else taken[i] + later
            later, of_cell = (matrix @ join.weight.flatten(1)).chunk(2, dim=1)
            found.append(of_cell)
            bias = bias + matrix @ join.bias
        first = taken[0] if later is None else taken[0] + later
        assert self.process_conv.bias is not None
        found.append(first @ self.process_conv.weight.flatten(1))
        return found[::-1], bias + first @ self.process_conv.bias


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
        return self.exchange(self.process(features))  # (N, W, H, W') -> (N, W/2, H, W')

    def exchange(self, x: torch.Tensor) -> torch.Tensor:
        """All that follows ``process``: (N, W/2, H, W') -> same."""
        h = self.pa_1(x)
        down = x + self.ca_1_2(h)
        up = h + self.ca_1_1(x)
        g = self.pa_2(down)
        y: torch.Tensor = (g + self.ca_2_1(up)) + (up + self.ca_2_2(g))
        return y
