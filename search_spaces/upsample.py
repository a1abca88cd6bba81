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


def mirrored_by_two(x: torch.Tensor) -> torch.Tensor:
    """(N, C, H, W) -> (N, C, H + 4, W + 4), mirrored with the edge pixel repeated (MATLAB ``symmetric``).

    By slices alone, which every format of exported networks has.
    """
    x = F.pad(x, (0, 0, 1, 1), mode="replicate")  # (N, C, H + 2, W)
    x = torch.cat([x[..., 2:3, :], x, x[..., -3:-2, :]], dim=-2)  # (N, C, H + 4, W)
    x = F.pad(x, (1, 1, 0, 0), mode="replicate")
    return torch.cat([x[..., 2:3], x, x[..., -3:-2]], dim=-1)


def bicubic_enlarge(x: torch.Tensor, scale: int, eight_bit: bool = False) -> torch.Tensor:
    """MATLAB ``imresize(x, scale)`` for a whole factor: (N, C, H, W) -> (N, C, scale*H, scale*W).

    Cubic kernel a = -0.5, symmetric border, rows first. ``eight_bit``: as MATLAB does with uint8 images, the
    result of each of the two passes is rounded half up and clipped to 0..255 (no gradient then).
    Without ``antialias`` torch would use a = -0.75, which is another filter.
    """
    if scale == 1:
        return x
    padded = mirrored_by_two(x)
    if torch.compiler.is_exporting() or torch.jit.is_tracing():  # type: ignore[no-untyped-call, attr-defined]
        return _by_convolution(padded, scale, eight_bit)  # other programs lack torch's filter
    height, width = x.shape[-2:]
    rows, columns = padded.shape[-2:]
    y = padded
    for size in ((scale * rows, columns), (scale * rows, scale * columns)):
        y = F.interpolate(y, size=size, mode="bicubic", antialias=True, align_corners=False)
        if eight_bit:
            y = _rounded(y)
    cut = scale * _REACH
    return y[..., cut : cut + scale * height, cut : cut + scale * width]


def _by_convolution(padded: torch.Tensor, scale: int, eight_bit: bool) -> torch.Tensor:
    """(N, C, H + 4, W + 4) -> (N, C, scale*H, scale*W): each of the scale^2 phases is a fixed filter of 5 x 5 taps."""
    channels, taps = padded.shape[1], _phases(scale).to(padded)  # (scale, 5)
    if not eight_bit:
        filters = taps[:, None, :, None] * taps[None, :, None, :]  # (scale, scale, 5, 5)
        filters = filters.reshape(1, scale * scale, 5, 5).repeat(channels, 1, 1, 1)
        phases = F.conv2d(padded, filters.reshape(-1, 1, 5, 5), groups=channels)  # (N, C scale^2, H, W)
        return F.pixel_shuffle(phases, scale)
    y = padded
    for axis in (2, 3):
        filters = taps.repeat(channels, 1).reshape(-1, 1, *((5, 1) if axis == 2 else (1, 5)))
        phases = F.conv2d(y, filters, groups=channels)  # (N, C scale, H, W + 4), then (N, C scale, scale H, W)
        n, _, height, width = phases.shape
        apart = phases.reshape(n, channels, scale, height, width)
        apart = apart.transpose(2, 3) if axis == 2 else apart.permute(0, 1, 3, 4, 2)
        enlarged = (scale * height, width) if axis == 2 else (height, scale * width)
        y = _rounded(apart.reshape(n, channels, *enlarged))
    return y


def _phases(scale: int) -> torch.Tensor:
    """(scale, 5): the weights of the input pixels i - 2 .. i + 2 in output pixel scale * i + p, for each phase p."""
    offset = (torch.arange(scale, dtype=torch.float64) + 0.5) / scale - 0.5
    t = (offset[:, None] - torch.arange(-_REACH, _REACH + 1)).abs()
    near = 1.5 * t**3 - 2.5 * t**2 + 1
    far = -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2
    return torch.where(t <= 1, near, torch.where(t < 2, far, torch.zeros_like(t)))


def _rounded(y: torch.Tensor) -> torch.Tensor:
    return torch.floor(y.clamp(0, 255) + 0.5)
