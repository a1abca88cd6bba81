"""What supernet and derived network have around their cells: mean shift, head, cross-scale fusion, upsampling."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from nas.errors import NasError, UsageError
from nas.models.descriptor import ModelDescriptor
from search_spaces.fusion import CrossScaleFusion
from search_spaces.upsample import bicubic_enlarge, upsampler

#: Mean colour of DIV2K, RGB, as a share of the peak value.
DIV2K_MEAN = (0.4488, 0.4371, 0.4040)


@dataclass(frozen=True)
class NetworkLayout:
    """The sizes of a JSNet.

    Attributes:
        width: C, channels of an operation node.
        features: W, channels between cells.
        cells: L, cells in a row.
        scale: Side of the output / side of the input.
        channels: Colour channels, 1 or 3.
        image_residual: Add the (bicubically enlarged) input to the output.
        train_mean_shift: The two mean shifts are trained, as in the release, instead of frozen.
    """

    width: int
    features: int
    cells: int
    scale: int = 1
    channels: int = 3
    image_residual: bool = False
    train_mean_shift: bool = False

    def __post_init__(self) -> None:
        if self.features < 32:
            raise UsageError(
                f"a JSNet of {self.features} features is too narrow (its attentions would keep no channel); "
                "use a width and node count with width * (nodes + 1) >= 32"
            )
        if self.cells < 1 or self.channels not in (1, 3):
            raise UsageError(
                f"a JSNet needs at least one cell and 1 or 3 colour channels, not {self.cells} and {self.channels}"
            )

    @property
    def shifts_mean(self) -> bool:
        """Mean shifts belong to colour super-resolution only."""
        return self.scale > 1 and self.channels == 3


class MeanShift(nn.Conv2d):
    """Adds ``sign * mean`` to RGB values in 0..255: a 1x1 convolution, as released weights have drifted."""

    def __init__(self, sign: int, trainable: bool) -> None:
        super().__init__(3, 3, 1)
        with torch.no_grad():
            self.weight.copy_(torch.eye(3).view(3, 3, 1, 1))
            assert self.bias is not None
            self.bias.copy_(sign * 255.0 * torch.tensor(DIV2K_MEAN))
        self.requires_grad_(trainable)


class ImageEnds(nn.Module):
    """Mixin: the layers from image to features and from features to image, and the size check."""

    layout: NetworkLayout
    descriptor: ModelDescriptor

    def build_ends(self, layout: NetworkLayout, descriptor: ModelDescriptor) -> None:
        """Create the layers; called once from a constructor after ``nn.Module.__init__``."""
        self.layout, self.descriptor = layout, descriptor
        if layout.shifts_mean:
            self.sub_mean = MeanShift(-1, layout.train_mean_shift)
            if not layout.image_residual:  # the enlarged input brings its own mean
                self.add_mean = MeanShift(+1, layout.train_mean_shift)
        self.head = nn.Conv2d(layout.channels, layout.features, 3, padding=1)
        self.cpam = CrossScaleFusion(layout.features)
        self.up = upsampler(layout.features // 2, layout.scale, layout.channels)

    def enter(self, image: torch.Tensor) -> torch.Tensor:
        """(N, channels, H, W') in 0..255 -> head features (N, W, H, W'); NasError on too small an image."""
        height, width = image.shape[-2:]
        least = self.descriptor.min_size
        if min(height, width) < least:
            raise NasError(
                f"{self.descriptor.name} cannot restore {height}x{width} pixels; its blocks need at least "
                f"{least}x{least}: pad the image (the evaluation harness does) or use larger patches"
            )
        features: torch.Tensor = self.head(self.sub_mean(image) if self.layout.shifts_mean else image)
        return features

    def leave(self, features: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
        """(N, W/2, H, W') and the network's input -> restored image (N, channels, s*H, s*W')."""
        restored: torch.Tensor = self.up(features)  # (N, W/2, H, W') -> (N, channels, s*H, s*W')
        if self.layout.image_residual:
            return restored + bicubic_enlarge(image, self.layout.scale)
        return self.add_mean(restored) if self.layout.shifts_mean else restored
