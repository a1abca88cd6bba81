"""A network as other programs call it: RGB on 0..1, any size, clamped; all that the descriptor asks for is inside."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nas.models.calling import final_image
from nas.models.descriptor import ModelDescriptor
from nas.models.merging import merge
from nas.models.parametrized import without_parametrizations


class HostModel(nn.Module):
    """A network between an input and an output that no program can get wrong.

    Input (N, channels, H, W), output (N, channels, scale * H, scale * W). With ``native`` the values are on the
    network's own range and the output is not clamped; otherwise both are on 0..1 and the output is clamped. Sizes that
    the network does not take are padded as ``nas.evaluation.inference.restore`` does, and cropped.
    """

    def __init__(self, model: nn.Module, descriptor: ModelDescriptor, native: bool = False, pad: bool = True) -> None:
        """Copy a network, with re-parameterised layers merged and parametrised weights computed.

        Args:
            model: The network; it is not changed.
            descriptor: Its descriptor.
            native: Keep the network's own value range.
            pad: Pad and crop; without, sizes are the caller's.
        """
        super().__init__()
        self.model = without_parametrizations(merge(model))
        self.descriptor = descriptor
        self.native = native
        self.pad = pad and (descriptor.size_multiple > 1 or descriptor.min_size > 1)
        self.eval().requires_grad_(False)

    def forward(self, image: Tensor) -> Tensor:
        """(N, channels, H, W) -> (N, channels, scale * H, scale * W)."""
        d = self.descriptor
        height, width = image.shape[-2:]
        x = self._padded(image) if self.pad else image
        x = self._entering(x)
        y = final_image(self.model(x))  # (N, channels, s H', s W')
        if self.pad:
            y = y[..., : d.scale * height, : d.scale * width]
        return self._leaving(y)

    def _entering(self, x: Tensor) -> Tensor:
        if self.descriptor.colour_order == "bgr":
            x = x.flip(1)
        return x if self.native or self.descriptor.value_range == 1.0 else x * self.descriptor.value_range

    def _leaving(self, y: Tensor) -> Tensor:
        if self.descriptor.colour_order == "bgr":
            y = y.flip(1)
        if self.native:
            return y
        if self.descriptor.value_range != 1.0:
            y = y * (1.0 / self.descriptor.value_range)
        return y.clamp(0.0, 1.0)

    def _padded(self, image: Tensor) -> Tensor:
        d = self.descriptor
        if torch.jit.is_tracing():  # type: ignore[no-untyped-call, attr-defined]
            scripted: Tensor = torch.jit.script(padded_by_numbers)(image, d.size_multiple, d.min_size)
            return scripted
        for axis in (2, 3):
            size = image.shape[axis]
            image = image.index_select(axis, mirrored(size, _full(size, d.size_multiple, d.min_size), image))
        return image


def mirrored(size: int, full: int, like: Tensor) -> Tensor:
    """Which of ``size`` pixels stands at each of ``full`` places.

    They are mirrored at the end, or the last one is repeated where there are too few to mirror.
    """
    place = torch.arange(full, device=like.device)
    beyond = 2 * (size - 1) - place
    left = 2 * size - 1 - full + torch.zeros_like(place)  # a tensor, as a number would be fixed by an export
    beyond = torch.where(left >= 0, beyond, torch.zeros_like(place) + (size - 1))
    return torch.where(place < size, place, beyond)


def padded_by_numbers(image: Tensor, multiple: int, least: int) -> Tensor:
    """(N, C, H, W) padded at the bottom and right, in a form that TorchScript compiles."""
    for axis in (2, 3):
        size = image.size(axis)
        full = (max(size, least) + multiple - 1) // multiple * multiple
        image = image.index_select(axis, mirrored(size, full, image))
    return image


def _full(size: int, multiple: int, least: int) -> int:
    """``nas.models.calling.allowed_size`` for a size that may be a symbol."""
    if least > multiple:  # otherwise the multiple is enough
        size = torch.sym_max(size, least)  # type: ignore[no-untyped-call]
    return (size + multiple - 1) // multiple * multiple
