"""The skeleton ``residual`` as a network: head, cells, tail, one convolution and one pixel shuffle."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas.errors import UsageError
from nas.models.descriptor import ModelDescriptor
from nas.models.sharing import at_place
from search_spaces.modern.cells import Cell, require_inner
from search_spaces.modern.layers import conv
from search_spaces.modern.reparameterised import Conv3XC
from search_spaces.modern.settings import ResidualSettings
from search_spaces.modern.tails import ConcatTail, make_tail

#: Mean colour of DIV2K, RGB, as a share of the peak value.
DIV2K_MEAN = (0.4488, 0.4371, 0.4040)
#: Peak value to which a centred input is brought.
CENTRED_PEAK = 255.0


class ResidualNetwork(nn.Module):
    """A network of slots in cells in stages, as its settings say.

    Input (N, channels, H, W) with values up to the settings' ``value_range``, output (N, channels, s*H, s*W), not
    clamped. At scale 1 the last convolution gives the image itself.
    """

    def __init__(
        self, settings: ResidualSettings, scale: int = 2, channels: int = 3, descriptor: ModelDescriptor | None = None
    ) -> None:
        super().__init__()
        if scale < 1 or channels not in (1, 3):
            raise UsageError(f"a network takes a scale from 1 and 1 or 3 colour channels, not {scale} and {channels}")
        settings.check()
        self.settings, self.scale = settings, scale
        self.descriptor = descriptor or describe("residual", settings, scale, channels)
        width = settings.width
        make_conv3 = Conv3XC if settings.ends == "reparameterised" else lambda c_in, c_out: conv(c_in, c_out, 3)
        self.head = make_conv3(channels, width)
        self.cells = nn.ModuleList(Cell(stage, settings) for stage in settings.stages for _ in range(stage.cells))
        inner = settings.tail == "concat4" and settings.concat_last == "inner"
        if inner:
            require_inner(cast(Cell, self.cells[-1]))
        self.tail = at_place(
            make_tail(settings.tail, width, len(self.cells), make_conv3, inner), f"tail:{settings.tail}"
        )
        self.up = conv(width, channels * scale**2, 3)
        mean = torch.tensor(DIV2K_MEAN if channels == 3 else [sum(DIV2K_MEAN) / 3])
        self.mean: Tensor
        self.register_buffer("mean", mean.view(1, -1, 1, 1), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        return self.through(image, lambda number, cell, x: cast(Tensor, cell(x)))

    def through(self, image: Tensor, step: Callable[[int, nn.Module, Tensor], Tensor]) -> Tensor:
        """The network with a given way through its cells.

        Args:
            image: (N, channels, H, W).
            step: (number of the cell from 1, the cell, its input (N, C, H, W)) -> its output.
        """
        x = cast(Tensor, self.head(self.enter(image)))  # (N, channels, H, W) -> (N, C, H, W)
        kept = {0: x}
        last = len(self.cells)
        for number, cell in enumerate(self.cells, start=1):
            if number == last and ConcatTail.INNER in self.tail.wanted:
                x, kept[ConcatTail.INNER] = cast(Cell, cell).with_inner(x)
            else:
                x = step(number, cell, x)
            if number in self.tail.wanted:
                kept[number] = x
        return self.leave(self.tail(x, kept), image)

    def enter(self, image: Tensor) -> Tensor:
        """The image as the head takes it."""
        if self.settings.input == "plain":
            return image
        return (image / self.settings.value_range - self.mean) * CENTRED_PEAK

    def leave(self, features: Tensor, image: Tensor) -> Tensor:
        """(N, C, H, W) and the network's input -> the restored image (N, channels, s*H, s*W)."""
        y = cast(Tensor, self.up(features))  # (N, C, H, W) -> (N, channels * s^2, H, W)
        if self.settings.image_skip == "nearest":
            y = y + image.repeat_interleave(self.scale**2, dim=1)
        y = F.pixel_shuffle(y, self.scale) if self.scale > 1 else y
        if self.settings.image_skip == "bilinear":
            size = y.shape[-2:]
            y = y + F.interpolate(image, size=size, mode="bilinear", align_corners=False)
        return y


def describe(name: str, settings: ResidualSettings, scale: int, channels: int, **further: Any) -> ModelDescriptor:
    """The descriptor of a network of the skeleton ``residual``.

    Args:
        name: Of the baseline or space.
        settings: Of the network.
        scale: Side of the output / side of the input.
        channels: Colour channels.
        further: Other fields of the descriptor.
    """
    return ModelDescriptor(
        name,
        scale,
        channels,
        value_range=float(settings.value_range),
        min_size=settings.min_size,
        **further,
    )
