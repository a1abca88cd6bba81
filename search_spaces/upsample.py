"""From features to the image: the upsampling module, and MATLAB's bicubic enlargement as a layer."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from nas.errors import UsageError

#: Half the support of the cubic kernel: how far beyond the border an enlarged pixel can look.
_REACH = 2


def upsampler(features: int, scale: int, channels: int) -> nn.Sequential:
    """UPM: (N, features, H, W) -> (N, channels, scale*H, scale*W), scale 1, 2, 3, 4 or 8, no activations.

    x2 and x3 shuffle once, x4 twice and x8 three times by 2. Scale 1 is the last convolution alone (equal-size tasks).
    """
    rounds = {1: (), 2: (2,), 3: (3,), 4: (2, 2), 8: (2, 2, 2)}
    if scale not in rounds:
        raise UsageError(f"scale {scale} has no upsampling module; use 1, 2, 3 or 4, or 8")
    layers: list[nn.Module] = []
    for factor in rounds[scale]:
        layers += [nn.Conv2d(features, factor**2 * features, 3, padding=1), nn.PixelShuffle(factor)]
    return nn.Sequential(*layers, nn.Conv2d(features, channels, 3, padding=1))


def symmetric_pad(x: torch.Tensor, border: int) -> torch.Tensor:
    """Mirror (N, C, H, W) by ``border`` pixels all round, edge pixel repeated (MATLAB ``symmetric``)."""
    for dim in (-2, -1):
        size = x.shape[dim]
        index = torch.arange(-border, size + border, device=x.device) % (2 * size)
        x = x.index_select(dim, torch.minimum(index, 2 * size - 1 - index))
    return x


def bicubic_enlarge(x: torch.Tensor, scale: int, eight_bit: bool = False) -> torch.Tensor:
    """MATLAB ``imresize(x, scale)`` for a whole factor: (N, C, H, W) -> (N, C, scale*H, scale*W).

    Cubic kernel a = -0.5, symmetric border, rows first. ``eight_bit``: as MATLAB does with uint8 images, the
    result of each of the two passes is rounded half up and clipped to 0..255 (no gradient then).
    Without ``antialias`` torch would use a = -0.75, which is another filter.
    """
    if scale == 1:
        return x
    height, width = x.shape[-2:]
    y = symmetric_pad(x, _REACH)
    rows, columns = y.shape[-2:]
    for size in ((scale * rows, columns), (scale * rows, scale * columns)):
        y = F.interpolate(y, size=size, mode="bicubic", antialias=True, align_corners=False)
        if eight_bit:
            y = torch.floor(y.clamp(0, 255) + 0.5)
    cut = scale * _REACH
    return y[..., cut : cut + scale * height, cut : cut + scale * width]
