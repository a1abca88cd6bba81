"""What stands between the last cell and the image in the skeleton ``residual``."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas.models.sharing import in_parts
from search_spaces.modern.layers import conv, depthwise

#: Makes a 3x3 convolution from channels to channels.
MakeConv3 = Callable[[int, int], nn.Module]


class Tail(nn.Module):
    """Adds the head's features to the last cell's.

    Attributes:
        wanted: Numbers of the cells whose outputs it reads besides the last one, counted from 1; 0 is the head.
    """

    wanted: frozenset[int] = frozenset()

    def refine(self, last: Tensor) -> Tensor:
        """What becomes of the last cell's output (N, C, H, W)."""
        return last

    def forward(self, last: Tensor, kept: Mapping[int, Tensor]) -> Tensor:
        """The features that the image is made of.

        Args:
            last: Output of the last cell (N, C, H, W).
            kept: Outputs of the head (0) and of the wanted cells, by number.
        """
        return self.refine(last) + kept[0]


class DepthwiseTail(Tail):
    """GELU of a depthwise 3x3, then the sum (LKFMixer, LKMN)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.spatial = depthwise(channels, 3)

    def refine(self, last: Tensor) -> Tensor:
        return F.gelu(self.spatial(last))


class ConvTail(Tail):
    """A 3x3, then the sum (RLFN)."""

    def __init__(self, channels: int, make_conv3: MakeConv3) -> None:
        super().__init__()
        self.spatial = make_conv3(channels, channels)

    def refine(self, last: Tensor) -> Tensor:
        y: Tensor = self.spatial(last)
        return y


class ConcatTail(Tail):
    """A 1x1 over head, 3x3 of the last cell, cell 1 and a fourth; no sum (SPAN).

    The fourth is the output of the last cell but one, or what the network keeps under ``INNER``.
    """

    #: Number under which the inner features of the last block are kept.
    INNER = -1

    def __init__(self, channels: int, cells: int, make_conv3: MakeConv3, inner: bool) -> None:
        super().__init__()
        self.fourth = self.INNER if inner else cells - 1
        self.wanted = frozenset({1, self.fourth})
        self.spatial = make_conv3(channels, channels)
        self.join = in_parts(conv(4 * channels, channels), inputs=[channels] * 4)

    def forward(self, last: Tensor, kept: Mapping[int, Tensor]) -> Tensor:
        y: Tensor = self.join(torch.cat([kept[0], self.spatial(last), kept[1], kept[self.fourth]], dim=1))
        return y


def make_tail(name: str, channels: int, cells: int, make_conv3: MakeConv3, inner: bool) -> Tail:
    """The tail ``plain``, ``dw``, ``conv3`` or ``concat4``.

    Args:
        name: Of the tail.
        channels: Between the cells.
        cells: How many cells there are.
        make_conv3: Makes the 3x3 convolution of a tail that has one.
        inner: ``concat4`` reads the inner features of the last block.
    """
    if name == "plain":
        return Tail()
    if name == "dw":
        return DepthwiseTail(channels)
    if name == "conv3":
        return ConvTail(channels, make_conv3)
    return ConcatTail(channels, cells, make_conv3, inner)
