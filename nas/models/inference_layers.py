"""Layers of optimised networks: a convolution with its activation and sum, and a collapsed chain of linear layers.

They hold plain weights, need no gradient, and work in place where nothing else can see it. On a CPU in float32 a
convolution, its activation and the tensor it is added to are one call of oneDNN; everywhere else (other devices and
number types, autocast, export, tracing with fake tensors) the same is done by torch's public operations.
"""

from __future__ import annotations

import copy
import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: a fused call costs about 45 us more than a plain one: as much as a sweep over so many elements of the result
FUSED_FROM = 2**18


class Activation(NamedTuple):
    """What follows a convolution.

    Attributes:
        name: "none", "relu", "leaky_relu" or "sigmoid".
        slope: Of "leaky_relu" below zero.
    """

    name: str = "none"
    slope: float = 0.0

    @classmethod
    def of(cls, module: nn.Module) -> Activation | None:
        """That of a module, None for any other module."""
        if type(module) is nn.ReLU:
            return cls("relu")
        if type(module) is nn.LeakyReLU:
            return cls("leaky_relu", float(module.negative_slope))
        return cls("sigmoid") if type(module) is nn.Sigmoid else None

    def apply_(self, x: Tensor) -> Tensor:
        """Apply it to a tensor in place."""
        if self.name == "relu":
            return x.relu_()
        if self.name == "leaky_relu":
            return F.leaky_relu_(x, self.slope)
        return x.sigmoid_() if self.name == "sigmoid" else x


def frozen(tensor: Tensor) -> nn.Parameter:
    """A parameter with a copy of the values, without gradient, four axes in the memory order (H, W, C)."""
    layout = torch.channels_last if tensor.dim() == 4 else torch.contiguous_format
    return nn.Parameter(tensor.detach().clone(memory_format=layout), requires_grad=False)


class FusedConv(nn.Module):
    """A convolution and its activation: (N, C, H, W) -> (N, C', H', W'), always a new tensor."""

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor | None = None,
        activation: Activation = Activation(),
        *,
        stride: tuple[int, ...] = (1, 1),
        padding: tuple[int, ...] = (0, 0),
        dilation: tuple[int, ...] = (1, 1),
        groups: int = 1,
    ) -> None:
        """Copy the weights.

        Args:
            weight: (C', C / groups, kernel, kernel).
            bias: (C',), or None.
            activation: What follows.
            stride: As those of ``nn.Conv2d``, and so the rest; zeros are padded.
            padding: Pixels on each side.
            dilation: Distance of taps.
            groups: Groups of channels.
        """
        super().__init__()
        self.weight = frozen(weight)
        self.bias = frozen(bias) if bias is not None else None
        self.activation = activation
        self._window: tuple[list[int], list[int], list[int]] = (list(padding), list(stride), list(dilation))
        self._groups = groups

    @classmethod
    def of(cls, conv: nn.Conv2d, activation: Activation = Activation()) -> FusedConv:
        """From a layer that pads with zeros (see ``plain_convolution``)."""
        assert isinstance(conv.padding, tuple)
        return cls(
            conv.weight,
            conv.bias,
            activation,
            stride=conv.stride,
            padding=conv.padding,
            dilation=conv.dilation,
            groups=conv.groups,
        )

    def forward(self, x: Tensor) -> Tensor:
        """The convolution and its activation."""
        padding, stride, dilation = self._window
        if self._one_call(x):
            name, scalars, algorithm = self._attributes()
            y: Tensor = torch.ops.mkldnn._convolution_pointwise(
                x, self.weight, self.bias, padding, stride, dilation, 1, name, scalars, algorithm
            )
            return y
        return self.activation.apply_(F.conv2d(x, self.weight, self.bias, stride, padding, dilation, self._groups))

    def add_to(self, total: Tensor | None, x: Tensor) -> Tensor:
        """Add the result, which must have no activation, to ``total`` in place; None: the result alone."""
        assert self.activation.name == "none"
        if total is None:
            result: Tensor = self(x)
            return result
        if self._one_call(x) and total.is_contiguous(memory_format=torch.channels_last):
            padding, stride, dilation = self._window
            torch.ops.mkldnn._convolution_pointwise_.binary(
                total, x, self.weight, self.bias, padding, stride, dilation, 1, "add", 1.0, None, [], ""
            )
            return total
        return total.add_(self(x))

    def _one_call(self, x: Tensor) -> bool:
        """Whether one fused call of oneDNN is possible and pays."""
        weight = self.weight
        return (
            self._groups == 1
            and x.shape[0] * x.shape[2] * x.shape[3] * weight.shape[0] >= FUSED_FROM
            and type(x) is Tensor
            and x.device.type == "cpu"
            and x.dtype is torch.float32
            and weight.dtype is torch.float32
            and not torch.is_autocast_enabled("cpu")
            and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
            and bool(torch.backends.mkldnn.enabled)
            and not torch.compiler.is_compiling()
            and x.is_contiguous(memory_format=torch.channels_last)
        )

    def _attributes(self) -> tuple[str, list[float], str]:
        """The activation as oneDNN's operation takes it."""
        return self.activation.name, [self.activation.slope] if self.activation.name == "leaky_relu" else [], ""


def plain_convolution(module: nn.Module) -> bool:
    """Whether a module is a convolution that pads with zeros, so that its weight and bias say all."""
    return (
        isinstance(module, nn.Conv2d)
        and type(module).forward is nn.Conv2d.forward
        and module.padding_mode == "zeros"
        and not isinstance(module.padding, str)
        and not module._forward_hooks
        and not module._forward_pre_hooks
    )


class LinearEnlargement(nn.Module):
    """Convolutions and pixel shuffles without an activation between them, as one convolution and one shuffle.

    (N, C, H, W) -> (N, C', s H, s W). The layers pad zeros at several resolutions, so that one kernel is right only
    away from the border. The outermost ring of the input grid is therefore computed by the layers themselves, from
    strips along the four sides that are wide enough for the cut not to be felt.
    """

    def __init__(self, layers: nn.Sequential, scale: int, kernel: int, ring: int) -> None:
        """Find the kernel.

        Args:
            layers: The chain; see ``collapsed``.
            scale: s, the product of its shuffles.
            kernel: Side of the collapsed kernel in input pixels, odd.
            ring: Input pixels from the border on which the padding of the later layers is felt.
        """
        super().__init__()
        self.layers, self.scale, self.ring = layers, scale, ring
        self.strip = ring + kernel // 2
        weight, bias = _kernel_of(layers, scale, kernel, ring)
        self.conv = FusedConv(weight, bias, padding=(kernel // 2, kernel // 2))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C', s H, s W)."""
        if min(x.shape[-2:]) < self.strip or torch.compiler.is_compiling():
            small: Tensor = self.layers(x)
            return small
        y = F.pixel_shuffle(self.conv(x), self.scale)  # (N, s s C', H, W) -> (N, C', s H, s W)
        edge, strip = self.scale * self.ring, self.strip
        y[..., :edge, :] = self.layers(x[..., :strip, :])[..., :edge, :]
        y[..., -edge:, :] = self.layers(x[..., -strip:, :])[..., -edge:, :]
        y[..., :edge] = self.layers(x[..., :strip])[..., :edge]
        y[..., -edge:] = self.layers(x[..., -strip:])[..., -edge:]
        return y


def _kernel_of(layers: nn.Sequential, scale: int, kernel: int, ring: int) -> tuple[Tensor, Tensor]:
    """Weight (s s C', C, kernel, kernel) and bias (s s C',) of a linear chain, computed in float64.

    The weight is the gradient of an output pixel far from the border with respect to the input.
    """
    first = next(layers.parameters())
    chain = copy.deepcopy(layers).double().requires_grad_(False)
    middle = kernel // 2 + ring
    image = torch.zeros(1, first.shape[1], 2 * middle + 1, 2 * middle + 1, dtype=torch.float64, device=first.device)
    bias = F.pixel_unshuffle(chain(image), scale)[0, :, middle, middle]
    outputs = torch.arange(len(bias), device=first.device)
    with torch.enable_grad():
        images = image.repeat(len(bias), 1, 1, 1).requires_grad_()
        pixels = F.pixel_unshuffle(chain(images), scale)[outputs, outputs, middle, middle]
        (slopes,) = torch.autograd.grad(pixels.sum(), images)
    weight = slopes[..., ring : ring + kernel, ring : ring + kernel]
    return weight.to(first.dtype), bias.to(first.dtype)


def _flat(layers: nn.Sequential) -> list[nn.Module]:
    """The layers of a sequence and of the sequences in it."""
    found: list[nn.Module] = []
    for layer in layers:
        found += _flat(layer) if type(layer) is nn.Sequential else [layer]
    return found


def collapsed(layers: nn.Sequential) -> nn.Module | None:
    """A chain of convolutions and pixel shuffles as one layer, where that takes fewer multiply-adds; else None."""
    layers = nn.Sequential(*_flat(layers))
    if not all(plain_convolution(layer) or type(layer) is nn.PixelShuffle for layer in layers):
        return None
    convolutions = [layer for layer in layers if isinstance(layer, nn.Conv2d)]
    if len(convolutions) < 2 or not isinstance(layers[0], nn.Conv2d):
        return None
    if any(not _keeps_size(layer) for layer in convolutions):
        return None
    reaches: list[float] = []  # of each convolution, in input pixels
    scale, work = 1, 0
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            reaches.append((layer.kernel_size[0] // 2) / scale)
            work += layer.weight.numel() * scale**2
        else:
            assert isinstance(layer, nn.PixelShuffle)
            scale *= layer.upscale_factor
    kernel = 2 * math.ceil(sum(reaches)) + 1
    outputs = convolutions[-1].out_channels
    if scale == 1 or kernel**2 * convolutions[0].in_channels * outputs * scale**2 >= work:
        return None
    return LinearEnlargement(layers, scale, kernel, math.ceil(sum(reaches[1:])))


def _keeps_size(conv: nn.Conv2d) -> bool:
    side = conv.kernel_size[0]
    square = conv.kernel_size == (side, side) and conv.padding == (side // 2, side // 2) and side % 2 == 1
    return square and conv.stride == (1, 1) and conv.dilation == (1, 1) and conv.groups == 1
