"""The layers that the blocks share: convolutions that keep the size, norms, pooling to a coarse grid."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from nas.errors import NasError

#: Keeps the L2 norm of an all-zero pixel from dividing by zero.
SMALLEST_NORM = 1e-12


def conv(c_in: int, c_out: int, kernel: int = 1, *, groups: int = 1, dilation: int = 1, bias: bool = True) -> nn.Conv2d:
    """A convolution of stride 1 with an odd kernel, zero padding, that keeps the size."""
    padding = dilation * (kernel // 2)
    return nn.Conv2d(c_in, c_out, kernel, padding=padding, groups=groups, dilation=dilation, bias=bias)


def depthwise(channels: int, kernel: int | tuple[int, int], *, dilation: int = 1, bias: bool = True) -> nn.Conv2d:
    """One odd kernel (height, width) a channel; keeps the size."""
    height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
    padding = (dilation * (height // 2), dilation * (width // 2))
    return nn.Conv2d(
        channels, channels, (height, width), padding=padding, dilation=dilation, groups=channels, bias=bias
    )


class L2Norm(nn.Module):
    """Each pixel divided by the length of its feature vector; no parameters."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.normalize(x, dim=1, eps=SMALLEST_NORM)


class LayerNorm(nn.Module):
    """Mean 0 and population variance 1 over the channels of each pixel, then a scale and, if wanted, a shift."""

    def __init__(self, channels: int, eps: float = 1e-6, shift: bool = True) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels)) if shift else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        centred = x - x.mean(dim=1, keepdim=True)
        variance = centred.square().mean(dim=1, keepdim=True)
        scaled = centred / torch.sqrt(variance + self.eps) * self.weight.view(1, -1, 1, 1)
        return scaled if self.bias is None else scaled + self.bias.view(1, -1, 1, 1)


def make_norm(name: str, channels: int) -> nn.Module | None:
    """The norm ``l2`` or ``layer``; None for ``none``."""
    return {"none": lambda: None, "l2": L2Norm, "layer": lambda: LayerNorm(channels)}[name]()


def pooled(x: torch.Tensor, factor: int = 8) -> torch.Tensor:
    """(N, C, H, W) -> (N, C, H // factor, W // factor): the largest value of each window.

    Where a side is no multiple of ``factor``, neighbouring windows overlap, as in the releases.

    Raises:
        NasError: The image is smaller than ``factor`` pixels.
    """
    height, width = x.shape[-2:]
    if min(height, width) < factor:
        raise NasError(f"pooling to 1/{factor} needs at least {factor}x{factor} pixels, got {height}x{width}: pad it")
    if torch.compiler.is_exporting():
        return _pooled_by_index(x, factor)
    return F.adaptive_max_pool2d(x, (height // factor, width // factor))


def _pooled_by_index(x: torch.Tensor, factor: int) -> torch.Tensor:
    """The same by indices, for graphs with free sizes: other programs have no pooling to a size that is computed."""
    for axis in (2, 3):
        size = x.shape[axis]
        count = size // factor
        place = torch.arange(count, device=x.device)
        first, last = place * size // count, -(-(place + 1) * size // count) - 1
        offsets = torch.arange(2 * factor, device=x.device)[:, None]  # no window is longer than 2 factor - 1
        index = torch.minimum(first + offsets, last)  # (2 factor, count)
        x = x.index_select(axis, index.flatten()).unflatten(axis, (2 * factor, count)).amax(axis)
    return x


def enlarged(x: torch.Tensor, like: torch.Tensor, mode: str) -> torch.Tensor:
    """``x`` enlarged to the size of ``like``, by ``nearest`` neighbour or ``bilinear``."""
    return F.interpolate(x, size=like.shape[-2:], mode=mode)
