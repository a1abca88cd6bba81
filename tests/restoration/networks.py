"""Small networks whose results are known."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nas.models.descriptor import ModelDescriptor


class Enlarger(nn.Module):
    """One convolution and a pixel shuffle: it sees one pixel around each, so that tiles give what whole images give."""

    def __init__(self, channels: int = 3, scale: int = 2, value_range: float = 1.0, size_multiple: int = 1) -> None:
        super().__init__()
        self.descriptor = ModelDescriptor(
            "enlarger", scale, channels, value_range=value_range, size_multiple=size_multiple
        )
        self.calls: list[tuple[int, ...]] = []
        self.conv = nn.Conv2d(channels, channels * scale**2, 3, padding=1)
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            self.conv.weight.copy_(torch.rand(self.conv.weight.shape, generator=generator) / (9 * channels))
            self.conv.bias.zero_()  # type: ignore[union-attr]
        self.shuffle = nn.PixelShuffle(scale)

    def forward(self, image: Tensor) -> Tensor:
        self.calls.append(tuple(image.shape))
        result: Tensor = self.shuffle(self.conv(image))
        return result
