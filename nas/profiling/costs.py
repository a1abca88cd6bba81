"""What a network costs: parameters, multiply-adds, activations and convolutions at a stated size.

Conventions. A multiply-add is one product with its addition (two FLOPs). ``multiply_adds_conv`` counts one
per weight and output position of every convolution, also those called as functions; biases, activations,
pooling and element-wise products are not counted, nor are matrix products. ``multiply_adds_total`` is torch's
own counter
halved: convolutions plus every matrix product (linear layers, attention). Activations are the output elements
of all convolutions, a good predictor of time (Radosavovic et al., CVPR 2020). Parameters are all elements of
``model.parameters()``: frozen or trained mean shifts count, and a weight-normalised layer counts gain and
direction.

The network is traced with tensors that have shapes but no values, so a 1280 x 720 output costs no time or memory:
on torch's device "meta", which is quick, or where a network works on tensors of its own there, with fake tensors.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from nas.errors import NasError, UsageError
from nas.models.calling import allowed_size, descriptor_of, final_image

#: The longest side of the real run that replaces the trace where values decide the work.
_FALLBACK_SIDE = 64


@dataclass(frozen=True)
class Costs:
    """Costs of one forward pass of one image.

    output_size: "1280x720", width x height of the output that was counted
    exact: False where the network could not be traced and a real, smaller run was scaled by its area
    """

    parameters: int
    trainable_parameters: int
    multiply_adds_conv: int
    multiply_adds_total: int
    activations: int
    convolutions: int
    output_size: str
    exact: bool = True
    bias_additions: int = field(default=0, compare=False)  # output elements of the convolutions that have a bias

    @property
    def multiply_adds_with_bias(self) -> int:
        """Convolutions with one more operation per output element for the bias (the counter of MSPAN's authors)."""
        return self.multiply_adds_conv + self.bias_additions


def count(model: nn.Module, height: int, width: int, channels: int | None = None) -> Costs:
    """Costs for an *input* of height x width pixels (rounded up to what the descriptor allows).

    channels: of the input; None takes the descriptor's. A module without descriptor is counted as it is
    given.
    """
    multiple, least = 1, 1
    if channels is None or hasattr(model, "descriptor"):
        descriptor = descriptor_of(model)
        multiple, least = descriptor.size_multiple, descriptor.min_size
        channels = descriptor.channels if channels is None else channels
    if min(height, width, channels) < 1:
        raise UsageError(f"costs need a positive size, not {channels} x {height} x {width}")
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
        trainable_parameters=sum(p.numel() for p in model.parameters() if p.requires_grad),
        multiply_adds_conv=round(counter.multiply_adds * factor),
        multiply_adds_total=round(total * factor),
        activations=round(counter.activations * factor),
        convolutions=counter.convolutions,
        output_size=f"{output[1]}x{output[0]}",
        exact=exact,
        bias_additions=round(counter.bias_additions * factor),
    )


def costs_for_task(model: nn.Module, task: Any) -> Costs:
    """Costs at the task's customary output size, ``task.cost_output`` = (height, width).

    The input is that size divided by the model's scale, rounded down (x3: 426 x 240 for 1280 x 720).
    """
    scale = descriptor_of(model).scale
    height, width = task.cost_output
    return count(model, height // scale, width // scale)


class _ConvolutionCounter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees every convolution that reaches torch's dispatcher, module or function."""

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
    """``_trace`` without values, or None where values decide what the network does."""
    for way in ("meta", "fake"):
        try:
            return _trace(model, size, channels, way)
        except Exception:  # whatever the network does with values that such a tensor lacks
            continue
    return None


def _trace(model: nn.Module, size: tuple[int, int], channels: int, way: str) -> Traced:
    """Run once, "meta", "fake" or with "values"; the counter, torch's multiply-adds, (height, width) of the output."""
    # On a copy, so that no cache of the network keeps a tensor of this run. A weight that an old-style weight
    # norm computed in an earlier forward is no leaf and refuses to be copied; the copy computes it anew.
    replaced: dict[int, Any] = {
        id(t): t.detach().clone()
        for module in model.modules()
        for t in module.__dict__.values()
        if isinstance(t, Tensor) and not t.is_leaf
    }
    if way == "meta":
        replaced = {key: t.to("meta") for key, t in replaced.items()}
        replaced |= {id(p): nn.Parameter(p.detach().to("meta"), p.requires_grad) for p in model.parameters()}
        replaced |= {id(b): b.detach().to("meta") for b in model.buffers()}
    model = copy.deepcopy(model, memo=replaced).eval()
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
