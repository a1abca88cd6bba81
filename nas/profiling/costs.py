"""What a network costs: parameters, multiply-adds, activations and convolutions at a stated size.

Conventions: a multiply-add is one product with its addition (two FLOPs). ``multiply_adds_conv`` counts one for each
weight and output position of every convolution, whether it is called as a module or as a function; biases,
activation functions, pooling, element-wise products and matrix products are not counted. ``multiply_adds_total`` is
half of what torch's own FLOP counter gives: convolutions plus every matrix product (linear layers, attention).
Activations are the output elements of all convolutions, a good predictor of latency (Radosavovic et al., CVPR 2020).
Parameters are all elements of ``model.parameters()``: mean shifts count, frozen or not, and a weight-normalised layer
counts both magnitude and direction. Re-parameterised layers count as the plain ones that they merge into (see
``nas.models.merging``), which is what is deployed.

The network is traced with tensors that have a shape but no values, so that a 1280 x 720 output takes neither time nor
memory: on torch's device "meta", which is fast, or with fake tensors where the network creates tensors of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from nas.errors import NasError, UsageError
from nas.models.calling import allowed_size, descriptor_of, final_image
from nas.models.merging import has_mergeable, merge
from nas.profiling.tracing import copy_for_trace
from nas.space.svg import table_html

if TYPE_CHECKING:
    from nas.tasks import Task

#: longest input side of the forward pass on real values that replaces the trace where values decide what is computed
_FALLBACK_SIDE = 64


@dataclass(frozen=True)
class Costs:
    """Costs of one forward pass of one image.

    Attributes:
        parameters: Elements of all parameters, re-parameterised layers merged.
        trainable_parameters: Elements that require a gradient, before any merging.
        multiply_adds_conv: Multiply-adds of all convolutions.
        multiply_adds_total: Multiply-adds of all convolutions and matrix products.
        activations: Output elements of all convolutions.
        convolutions: How many convolutions were computed; one that is called twice counts twice.
        output_size: Width x height of the output at which all was counted, e.g. "1280x720".
        exact: False where the network could not be traced; the counts then are those of a smaller image, scaled by
            the area.
        bias_additions: Output elements of the convolutions that have a bias.
    """

    parameters: int
    trainable_parameters: int
    multiply_adds_conv: int
    multiply_adds_total: int
    activations: int
    convolutions: int
    output_size: str
    exact: bool = True
    bias_additions: int = field(default=0, compare=False)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        rows = (
            ("parameters", f"{self.parameters:,}"),
            ("multiply-adds", f"{self.multiply_adds_total / 1e9:,.2f} G"),
            ("activations", f"{self.activations / 1e6:,.1f} M"),
            ("convolutions", self.convolutions),
        )
        return table_html(f"costs at {self.output_size} output", (), rows)

    @property
    def multiply_adds_with_bias(self) -> int:
        """``multiply_adds_conv`` with one more for each output element that gets a bias, as MSPAN's authors count."""
        return self.multiply_adds_conv + self.bias_additions


def count_costs(model: nn.Module, height: int, width: int, channels: int | None = None) -> Costs:
    """Count the costs of a network for an *input* of a given size.

    Args:
        model: A network; one without a descriptor takes any size and needs ``channels``.
        height: Of the input in pixels; rounded up to a size that the descriptor allows.
        width: Likewise.
        channels: Of the input; None takes the number that the descriptor states.

    Returns:
        The costs of one forward pass.

    Raises:
        UsageError: The size is not positive, or there is neither a descriptor nor ``channels``.
        NasError: The network fails on such an input.
    """
    multiple, least = 1, 1
    if channels is None or hasattr(model, "descriptor"):
        descriptor = descriptor_of(model)
        multiple, least = descriptor.size_multiple, descriptor.min_size
        channels = descriptor.channels if channels is None else channels
    if min(height, width, channels) < 1:
        raise UsageError(f"costs need a positive size, not {channels} x {height} x {width}")
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    if has_mergeable(model):
        model = merge(model)
    size = (allowed_size(height, multiple, least), allowed_size(width, multiple, least))
    exact = True
    traced = _shapes_only(model, size, channels)
    if traced is not None:
        (counter, total, output), factor = traced, 1.0
    else:
        exact = False
        small = _shrunk(size, multiple, least)
        try:
            counter, total, output = _trace(model, small, channels, "values")
        except Exception as error:
            name = type(model).__name__
            raise NasError(f"{name} failed on a {small[0]} x {small[1]} input: {error}") from error
        factor = size[0] * size[1] / (small[0] * small[1])
        output = (output[0] * size[0] // small[0], output[1] * size[1] // small[1])
    return Costs(
        parameters=sum(p.numel() for p in model.parameters()),
        trainable_parameters=trainable,
        multiply_adds_conv=round(counter.multiply_adds * factor),
        multiply_adds_total=round(total * factor),
        activations=round(counter.activations * factor),
        convolutions=counter.convolutions,
        output_size=f"{output[1]}x{output[0]}",
        exact=exact,
        bias_additions=round(counter.bias_additions * factor),
    )


def costs_for_task(model: nn.Module, task: Task) -> Costs:
    """Count the costs of a network at the output size that is customary for a task.

    Args:
        model: A network with a descriptor.
        task: Its ``cost_output`` is (height, width) of the output; the input is that size divided by the scale of the
            model, rounded down (x3: 426 x 240 for 1280 x 720).

    Returns:
        The costs of one forward pass.
    """
    scale = descriptor_of(model).scale
    height, width = task.cost_output
    return count_costs(model, height // scale, width // scale)


class _ConvolutionCounter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts every convolution that reaches torch's dispatcher, from a module or a function."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.multiply_adds = self.activations = self.convolutions = self.bias_additions = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if func in (torch.ops.aten.convolution.default, torch.ops.aten._convolution.default):
            x, weight, transposed = args[0], args[1], args[6]
            # weight is (out, in/groups, ...) or, transposed, (in, out/groups, ...)
            self.multiply_adds += (x if transposed else out).numel() * weight[0].numel()
            self.activations += out.numel()
            self.convolutions += 1
            self.bias_additions += out.numel() if args[2] is not None else 0
        return out


Traced = tuple[_ConvolutionCounter, int, tuple[int, int]]


def _shapes_only(model: nn.Module, size: tuple[int, int], channels: int) -> Traced | None:
    """``_trace`` without values; None where values decide what the network computes."""
    for way in ("meta", "fake"):
        try:
            return _trace(model, size, channels, way)
        except Exception:  # anything may go wrong in a network that looks at values which are not there
            continue
    return None


def _trace(model: nn.Module, size: tuple[int, int], channels: int, way: str) -> Traced:
    """One forward pass, on "meta" or "fake" tensors or on "values".

    Returns the counter, torch's own count of multiply-adds, and (height, width) of the output.
    """
    model = copy_for_trace(model, meta=way == "meta").eval()
    like = next(model.parameters(), torch.empty(0, device="meta" if way == "meta" else None))
    counter, flops = _ConvolutionCounter(), FlopCounterMode(display=False)
    if way == "fake":
        with FakeTensorMode(allow_non_fake_inputs=True), torch.no_grad(), flops, counter:
            x = torch.empty(1, channels, *size, dtype=like.dtype, device=like.device)
            shape = final_image(model(x)).shape
    else:
        with torch.no_grad(), flops, counter:
            x = torch.full((1, channels, *size), 0.5, dtype=like.dtype, device=like.device)
            shape = final_image(model(x)).shape
    return counter, int(flops.get_total_flops()) // 2, (int(shape[-2]), int(shape[-1]))


def _shrunk(size: tuple[int, int], multiple: int, least: int) -> tuple[int, int]:
    ratio = max(1.0, max(size) / _FALLBACK_SIDE)
    return (
        allowed_size(max(1, int(size[0] / ratio)), multiple, least),
        allowed_size(max(1, int(size[1] / ratio)), multiple, least),
    )
