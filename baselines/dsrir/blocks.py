"""The units of DSRIR: attention per patch, pixel refinement, supervised uncertainty, resampling.

C channels, r the bottleneck ratio, (gr, gc) the patch grid. Parameter names are the official ones.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Grid = tuple[int, int]

_SLOPE = 0.1


def conv(c_in: int, c_out: int, kernel: int, bias: bool) -> nn.Conv2d:
    """Convolution that keeps the size (zero padding)."""
    return nn.Conv2d(c_in, c_out, kernel, padding=kernel // 2, bias=bias)


def gate(channels: int, reduction: int, kernel: int) -> nn.Sequential:
    """C -> C/r -> C with biases, then the logistic function: values in 0..1."""
    hidden = channels // reduction
    return nn.Sequential(
        conv(channels, hidden, kernel, True),
        nn.ReLU(),
        conv(hidden, channels, kernel, True),
        nn.Sigmoid(),
    )


class PatchAttention(nn.Module):
    """Channel attention of its own for every patch of a fixed grid (figure: PAU).

    The patch is h/gr x w/gc, so it grows with the image; gr must divide h and gc must divide w.
    """

    def __init__(self, channels: int, reduction: int, grid: Grid) -> None:
        super().__init__()
        self.grid = grid
        self.conv_du = gate(channels, reduction, 1)

    def forward(self, x: Tensor) -> Tensor:
        (rows, columns), (b, c, h, w) = self.grid, x.shape
        patches = x.reshape(b, c, rows, h // rows, columns, w // columns)
        # plain pooling by the patch equals adaptive pooling here, and is deterministic on CUDA too; an exported one
        # would have the patch of one image size
        exported = torch.compiler.is_exporting()
        pooled = patches.mean((3, 5)) if exported else F.avg_pool2d(x, (h // rows, w // columns))  # (B, C, gr, gc)
        a: Tensor = self.conv_du(pooled)
        gated = patches * a[:, :, :, None, :, None]  # (B, C, gr, h/gr, gc, w/gc)
        return gated.reshape(b, c, h, w)


class PatchAttentionBlock(nn.Module):
    """Two convolutions, patch attention, residual (figure: PAB); (B, C, h, w) -> same."""

    #: see ``nas.models.optimizing``
    inference_form = "baselines.dsrir.inference:PatchAttentionForm"

    def __init__(self, channels: int, kernel: int, reduction: int, bias: bool, grid: Grid) -> None:
        super().__init__()
        self.conv1 = conv(channels, channels, kernel, bias)
        self.conv2 = conv(channels, channels, kernel, bias)
        self.PA = PatchAttention(channels, reduction, grid)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.PA(self.conv2(F.relu(self.conv1(x)))) + x
        return y


class PatchAttentionGroup(nn.Module):
    """Blocks from the first grid to the last, one convolution, residual (PAG); (B, C, h, w) -> same."""

    #: see ``nas.models.optimizing``
    inference_form = "baselines.dsrir.inference:ResidualForm"

    def __init__(self, channels: int, kernel: int, reduction: int, bias: bool, grids: Sequence[Grid]) -> None:
        super().__init__()
        blocks = [PatchAttentionBlock(channels, kernel, reduction, bias, grid) for grid in grids]
        self.body = nn.Sequential(*blocks, conv(channels, channels, kernel, bias))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.body(x) + x
        return y


class PixelRefinement(nn.Module):
    """A gate per pixel and channel on a 3x3 convolution (figure: PRU); (B, C, H, W) -> same."""

    #: see ``nas.models.optimizing``
    inference_form = "baselines.dsrir.inference:PixelRefinementForm"

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        self.conv = conv(channels, channels, 3, False)
        self.fr = gate(channels, reduction, 3)

    def forward(self, x: Tensor) -> Tensor:
        q = self.conv(x)
        y: Tensor = self.fr(q) * q + x
        return y


class UncertaintyAttention(nn.Module):
    """Restored image, log-scale uncertainty and gated features of one stage (figure: USAU).

    ``last`` leaves out the features; their two convolutions stay as parameters without gradient, because
    official checkpoints carry them. The first is even computed, as in the release: the published count of
    multiply-adds contains it (0.2 %).
    """

    #: see ``nas.models.optimizing``
    inference_form = "baselines.dsrir.inference:UncertaintyForm"

    def __init__(self, channels: int, colours: int, kernel: int, bias: bool, last: bool = False) -> None:
        super().__init__()
        self.last = last
        self.conv_in = conv(colours, channels, kernel, bias)
        self.conv_out = conv(channels, colours, kernel, bias)
        self.conv1 = conv(channels, channels, 1, bias)
        self.conv2 = conv(channels, channels, 1, bias)
        self.var_est = nn.Sequential(conv(channels, channels, kernel, True), nn.LeakyReLU(_SLOPE))
        self.var_map = nn.Sequential(conv(channels, colours, kernel, True), nn.LeakyReLU(_SLOPE))
        self.att_map = nn.Sequential(conv(channels, channels, 1, True), nn.Sigmoid())

    def forward(self, x: Tensor, image: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
        """x (B, C, H, W), degraded image (B, 3, H, W) -> features or None, restored, uncertainty."""
        fused = self.conv1(x) + self.conv_in(image)  # (B, C, H, W)
        restored = self.conv_out(fused) + image  # (B, 3, H, W)
        v = self.var_est(fused)  # (B, C, H, W)
        uncertainty = self.var_map(v)  # (B, 3, H, W)
        projected = self.conv2(x)  # (B, C, H, W)
        features = None if self.last else self.att_map(v) * projected + x
        return features, restored, uncertainty


class Down(nn.Module):
    """(B, C, h, w) -> (B, C+step, h/2, w/2); bilinear halving of even sides is the mean of 2x2 pixels."""

    def __init__(self, channels: int, step: int) -> None:
        super().__init__()
        self.down = nn.Sequential(nn.AvgPool2d(2), conv(channels, channels + step, 1, False))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.down(x)
        return y


class Up(nn.Module):
    """(B, C+step, h, w) -> (B, C, 2h, 2w), bilinear without corner alignment."""

    #: see ``nas.models.optimizing``
    inference_form = "baselines.dsrir.inference:EnlargementForm"

    def __init__(self, channels: int, step: int) -> None:
        super().__init__()
        enlarge = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
        self.up = nn.Sequential(enlarge, conv(channels + step, channels, 1, False))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.up(x)
        return y
