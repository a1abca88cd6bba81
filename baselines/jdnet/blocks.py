"""What a joint unit is built of besides attention: residual block, self-calibrated block (sections 1.3, 1.8)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines.jdnet.attention import SLOPE


def conv(c_in: int, c_out: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """A convolution that keeps the size (or halves it, rounded up) and LeakyReLU."""
    return nn.Sequential(nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2), nn.LeakyReLU(SLOPE))


def enlarge(x: Tensor, like: Tensor) -> Tensor:
    """Nearest neighbour to the height and width of ``like``."""
    return F.interpolate(x, size=like.shape[-2:], mode="nearest")


class ResidualBlock(nn.Module):
    """Halves the size, then one residual pair of convolutions without a last activation.

    (N, c_in, H, W) -> (N, c_out, ceil(H / stride), ceil(W / stride))
    """

    #: see ``nas.models.optimizing``
    inference_form = "baselines.jdnet.inference:ResidualForm"

    def __init__(self, in_ch: int, out_ch: int, stride: int = 2) -> None:
        super().__init__()
        self.convert = conv(in_ch, out_ch, 3, stride)
        self.res = nn.Sequential(*conv(out_ch, out_ch, 3), nn.Conv2d(out_ch, out_ch, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        c = self.convert(x)
        result: Tensor = c + self.res(c)
        return result


class SelfCalibratedConvolution(nn.Module):
    """A convolution gated by a coarse view of its own input; keeps (N, planes, H, W)."""

    #: see ``nas.models.optimizing``
    inference_form = "baselines.jdnet.inference:CalibratedConvolutionForm"

    def __init__(self, planes: int, pooling_r: int = 4) -> None:
        super().__init__()
        self.k2 = nn.Sequential(nn.AvgPool2d(pooling_r, pooling_r), nn.Conv2d(planes, planes, 3, padding=1))
        self.k3 = nn.Sequential(nn.Conv2d(planes, planes, 3, padding=1))
        self.k4 = conv(planes, planes, 3)

    def forward(self, x: Tensor) -> Tensor:
        # pooled (N, planes, floor(H / r), floor(W / r)), then enlarged to the whole image again
        gate = torch.sigmoid(x + enlarge(self.k2(x), x))
        result: Tensor = self.k4(self.k3(x) * gate)
        return result


class SelfCalibratedBlock(nn.Module):
    """Two half-wide branches, one of them self-calibrated, joined and added; keeps (N, planes, H, W)."""

    #: see ``nas.models.optimizing``
    inference_form = "baselines.jdnet.inference:CalibratedBlockForm"

    def __init__(self, in_planes: int, planes: int, pooling_r: int = 4) -> None:
        super().__init__()
        half = planes // 2
        self.conv1_a = nn.Conv2d(in_planes, half, 1)
        self.k1 = conv(half, half, 3)
        self.conv1_b = nn.Conv2d(in_planes, half, 1)
        self.scconv = SelfCalibratedConvolution(half, pooling_r)
        self.conv3 = nn.Conv2d(2 * half, planes, 1)
        self.relu = nn.LeakyReLU(SLOPE)

    def forward(self, x: Tensor) -> Tensor:
        a = self.k1(self.relu(self.conv1_a(x)))  # (N, planes / 2, H, W)
        b = self.scconv(self.relu(self.conv1_b(x)))  # (N, planes / 2, H, W)
        result: Tensor = self.relu(x + self.conv3(torch.cat([a, b], dim=1)))
        return result
