"""The three attention primitives of self-attention networks (SAN) in plain torch (specification section 2).

A tap is one position of the Kh x Kw neighbourhood of an output pixel. Taps are numbered row first, output
pixels likewise. Outside the image a tap reads 0 (``zero``) or the mirrored pixel, the border not repeated
(``reflect``). All functions work on any device and floating type; gradients are those of autograd, exact for
oblong images too.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from nas.errors import UsageError

PADDINGS = ("zero", "reflect")


@dataclass(frozen=True)
class Neighbourhood:
    """Which pixels an output pixel sees; sizes in pixels, the same along both axes.

    Attributes:
        kernel: Side of the neighbourhood, odd (an even one has its centre between pixels).
        stride: Distance of output pixels.
        dilation: Distance of taps.
        padding: Pixels added on each side; None centres the neighbourhood on its pixel,
            (dilation (kernel - 1) + 1) div 2.
        mode: "zero" or "reflect".
    """

    kernel: int
    stride: int = 1
    dilation: int = 1
    padding: int | None = None
    mode: str = "reflect"

    def __post_init__(self) -> None:
        if self.kernel < 1 or self.kernel % 2 == 0:
            raise UsageError(f"the attention window has side {self.kernel}; give an odd number")
        if self.stride < 1 or self.dilation < 1 or (self.padding is not None and self.padding < 0):
            raise UsageError(f"stride and dilation must be at least 1, padding at least 0 ({self})")
        if self.mode not in PADDINGS:
            raise UsageError(f"unknown padding {self.mode!r}; known: {', '.join(PADDINGS)}")

    @property
    def pad(self) -> int:
        """Pixels added on each side."""
        return (self.dilation * (self.kernel - 1) + 1) // 2 if self.padding is None else self.padding

    def size(self, height: int, width: int) -> tuple[int, int]:
        """(Ho, Wo), the output grid of a height x width image; UsageError if the window does not fit."""
        reach = self.dilation * (self.kernel - 1)
        least = max(self.pad + 1 if self.mode == "reflect" else 1, reach + 1 - 2 * self.pad)
        if min(height, width) < least:
            raise UsageError(
                f"a {height} x {width} image is too small for a {self.kernel} x {self.kernel} window "
                f"with {self.mode} padding {self.pad}; both sides must be at least {least}"
            )
        return (
            (height + 2 * self.pad - reach - 1) // self.stride + 1,
            (width + 2 * self.pad - reach - 1) // self.stride + 1,
        )


def padded(x: Tensor, hood: Neighbourhood) -> Tensor:
    """x (N, c, H, W) -> (N, c, H + 2 p, W + 2 p)."""
    hood.size(x.shape[-2], x.shape[-1])
    margin = (hood.pad,) * 4
    if not hood.pad:
        return x
    return F.pad(x, margin, mode="reflect") if hood.mode == "reflect" else F.pad(x, margin)


def taps(x: Tensor, hood: Neighbourhood) -> Tensor:
    """Every tap of a padded x (N, c, Hp, Wp) as a view, without a copy: (N, c, Kh, Kw, Ho, Wo)."""
    reach = hood.dilation * (hood.kernel - 1) + 1
    view = x.unfold(2, reach, hood.stride).unfold(3, reach, hood.stride)  # (N, c, Ho, Wo, reach, reach)
    return view[..., :: hood.dilation, :: hood.dilation].permute(0, 1, 4, 5, 2, 3)


def centre(x: Tensor, hood: Neighbourhood) -> Tensor:
    """The middle tap of an unpadded x (N, c, H, W), broadcast over taps: (N, c, 1, 1, Ho, Wo)."""
    rows, columns = hood.size(x.shape[-2], x.shape[-1])
    first = (hood.kernel - 1) // 2 * hood.dilation - hood.pad
    if first < 0:
        raise UsageError(f"padding {hood.pad} puts the centre of the window outside the image; lower it")
    s = hood.stride
    middle = x[:, :, first : first + (rows - 1) * s + 1 : s, first : first + (columns - 1) * s + 1 : s]
    return middle[:, :, None, None]


def subtraction2(x1: Tensor, x2: Tensor, hood: Neighbourhood) -> Tensor:
    """x1 at the centre minus x2 at every tap: two (N, c, H, W) -> (N, c, Kh Kw, Ho Wo)."""
    difference = centre(x1, hood) - taps(padded(x2, hood), hood)  # (N, c, Kh, Kw, Ho, Wo)
    return difference.flatten(4, 5).flatten(2, 3)


def subtraction(x: Tensor, hood: Neighbourhood) -> Tensor:
    """Centre minus every tap of one image: (N, c, H, W) -> (N, c, Kh Kw, Ho Wo)."""
    return subtraction2(x, x, hood)


def aggregation(x: Tensor, weight: Tensor, hood: Neighbourhood) -> Tensor:
    """Weighted sum over the taps: x (N, c, H, W), weight (N, G, Kh Kw, Ho Wo) -> (N, c, Ho, Wo).

    Weight planes are interleaved: value plane p uses weight plane p mod G.
    """
    size = hood.size(x.shape[-2], x.shape[-1])
    if x.shape[1] % weight.shape[1]:
        raise UsageError(f"{x.shape[1]} value planes cannot share {weight.shape[1]} weight planes; give a divisor")
    w = weight.unflatten(3, size).unflatten(2, (hood.kernel, hood.kernel))  # (N, G, Kh, Kw, Ho, Wo)
    return weighted_sum(padded(x, hood), w, hood)


def weighted_sum(x: Tensor, weight: Tensor, hood: Neighbourhood) -> Tensor:
    """``aggregation`` of a padded x (N, c, Hp, Wp) with weight (N, G, Kh, Kw, Ho, Wo)."""
    values = taps(x, hood).unflatten(1, (-1, weight.shape[1]))  # (N, c/G, G, Kh, Kw, Ho, Wo)
    return (weight[:, None] * values).sum((3, 4)).flatten(1, 2)  # (N, c, Ho, Wo)
