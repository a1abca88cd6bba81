"""The non-linear functions that a fused supernet can compute for many branches at once.

Each of them treats channels alike and apart, so that branches of one kind are computed as one tensor of more channels.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas.supernet.fused.linear import Function
from nas.supernet.fused.statistics import CHANNEL_MEAN, MAXIMUM, MEAN, VARIANCE, statistics

#: layers without parameters whose result depends on one value (or one channel's image) at a time
CHANNELWISE_LAYERS: tuple[type[nn.Module], ...] = (
    nn.ReLU, nn.LeakyReLU, nn.ReLU6, nn.ELU, nn.GELU, nn.SiLU, nn.Mish, nn.Sigmoid, nn.Tanh, nn.Softplus,
    nn.Hardswish, nn.Hardsigmoid, nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d,
)  # fmt: skip
#: functions of torch of the same kind, and what methods of tensors are called that do the same
CHANNELWISE: dict[Any, Callable[..., Tensor]] = {
    function: function
    for function in (
        torch.relu, F.relu, F.leaky_relu, F.relu6, F.elu, F.gelu, F.silu, F.mish, F.sigmoid, torch.sigmoid, torch.tanh,
        F.softplus, F.hardswish, F.hardsigmoid, F.max_pool2d, F.avg_pool2d, F.adaptive_avg_pool2d, torch.sqrt,
        torch.square, torch.abs, torch.exp, torch.clamp, torch.clamp_min, F.interpolate,
    )
} | {
    name: getattr(torch.Tensor, name)
    for name in ("relu", "sigmoid", "tanh", "sqrt", "square", "abs", "exp", "clamp", "clamp_min")
}  # fmt: skip
#: stands for the height and width of the image among the arguments of a function
SIZE = "height and width of the image"

RELU = Function(("relu",), lambda operands, parts, size: torch.relu(operands[0]))
SIGMOID = Function(("sigmoid",), lambda operands, parts, size: torch.sigmoid(operands[0]))
_USUAL = {torch.relu: RELU, F.relu: RELU, "relu": RELU, torch.sigmoid: SIGMOID, F.sigmoid: SIGMOID, "sigmoid": SIGMOID}
#: mean and variance over the image of each channel
SPATIAL_MEAN = Function((MEAN,), lambda operands, parts, size: operands[0].mean((2, 3), keepdim=True))
SPATIAL_VARIANCE = Function((VARIANCE,), lambda o, parts, size: statistics(o[0], (VARIANCE,))[VARIANCE])
SQUARE = Function(("square",), lambda operands, parts, size: operands[0].square())
_USUAL |= {torch.square: SQUARE, "square": SQUARE}


def layer_function(layer: nn.Module) -> Function | None:
    """What a layer computes; None if it is not one of ``CHANNELWISE_LAYERS``."""
    if type(layer) not in CHANNELWISE_LAYERS:
        return None
    if isinstance(layer, nn.ReLU | nn.Sigmoid):
        return RELU if isinstance(layer, nn.ReLU) else SIGMOID
    if isinstance(layer, nn.AdaptiveAvgPool2d) and layer.output_size in (1, (1, 1)):
        return SPATIAL_MEAN
    own = copy.deepcopy(layer)
    if hasattr(own, "inplace"):
        setattr(own, "inplace", False)  # noqa: B010  # its type says that attributes of a layer are tensors
    return Function((repr(own),), lambda operands, parts, size: own(operands[0]))


def call_function(target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Function | None:
    """What a function of torch (or a tensor's method, by name) computes of its first argument; None if not known.

    Args:
        target: The function or the name of the method.
        args: The other arguments.
        kwargs: Named arguments; ``SIZE`` among them stands for the size of the image.
    """
    if target not in CHANNELWISE or "training" in kwargs:
        return None
    named = {k: v for k, v in kwargs.items() if not (k == "inplace" and v is False)}
    if target in _USUAL and not args and not named:
        return _USUAL[target]
    function = CHANNELWISE[target]

    def call(operands: list[Tensor], parts: int, size: tuple[int, int]) -> Tensor:
        given = {k: size if v is SIZE else v for k, v in named.items() if k != "inplace"}
        return function(operands[0], *(size if a is SIZE else a for a in args), **given)

    return Function((getattr(target, "__name__", target), repr(args), repr(sorted(named.items()))), call)


def reduction(name: str, dims: tuple[int, ...], keepdim: bool) -> Function | None:
    """Mean over the image, or mean, sum or maximum over the channels; None for any other reduction."""
    if not keepdim:
        return None
    if dims in ((2, 3), (-2, -1)):
        image = {"mean": SPATIAL_MEAN, "amax": Function(("spatial maximum",), lambda o, p, s: o[0].amax((2, 3), True))}
        return image.get(name)
    names = {"amax": MAXIMUM, "mean": CHANNEL_MEAN, "sum": "sum over channels"}
    if dims != (1,) or name not in names:
        return None

    def call(operands: list[Tensor], parts: int, size: tuple[int, int]) -> Tensor:
        if parts == 1:
            over: Tensor = getattr(operands[0], name)(1, keepdim=True)
            return over
        each: Tensor = getattr(split_parts(operands[0], parts), name)(2)
        return each

    return Function((names[name],), call)


def split_parts(x: Tensor, parts: int) -> Tensor:
    """(N, parts * c, h, w) -> (N, parts, c, h, w), a view."""
    return torch.unflatten(x, 1, (parts, -1))


def join_parts(x: Tensor) -> Tensor:
    """(N, parts, c, h, w) -> (N, parts * c, h, w), dense, with channels last in memory if they are so in ``x``."""
    n, parts, c, h, w = x.shape
    if x.stride(4) != 1:
        return x.permute(0, 3, 4, 1, 2).reshape(n, h, w, parts * c).permute(0, 3, 1, 2)
    return x.reshape(n, parts * c, h, w)


class _Pieces(torch.autograd.Function):
    """One node of the graph in place of a dozen; the gradients of all pieces are written into one tensor."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, parts: int, sizes: list[int]) -> tuple[Tensor, ...]:
        ctx.shape, ctx.parts, ctx.sizes, ctx.last = x.shape, parts, sizes, x.stride(3) != 1
        pieces = torch.split(split_parts(x, parts), sizes, 2)
        return tuple(_dense(piece, ctx.last) for piece in pieces)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        if torch.is_grad_enabled():  # the gradient will be differentiated itself
            return join_parts(torch.cat([split_parts(grad, ctx.parts) for grad in grads], 2)), None, None
        whole = _empty(ctx.shape, grads[0], ctx.last)
        pieces = torch.split(split_parts(whole, ctx.parts), ctx.sizes, 2)
        for piece, grad in zip(pieces, grads, strict=True):
            piece.copy_(split_parts(grad, ctx.parts))
        return whole, None, None


def _dense(x: Tensor, last: bool) -> Tensor:
    """(N, parts, c, h, w) -> (N, parts * c, h, w), a copy."""
    n, parts, c, h, w = x.shape
    whole = _empty((n, parts * c, h, w), x, last)
    split_parts(whole, parts).copy_(x)
    return whole


def _empty(shape: tuple[int, ...], like: Tensor, last: bool) -> Tensor:
    memory = torch.channels_last if last else torch.contiguous_format
    return torch.empty(shape, dtype=like.dtype, device=like.device, memory_format=memory)


def split_pieces(x: Tensor, parts: int, sizes: list[int]) -> tuple[Tensor, ...]:
    """(N, parts * sum(sizes), h, w) -> (N, parts * size, h, w) for each size, as dense tensors of their own."""
    found: tuple[Tensor, ...] = _Pieces.apply(x, parts, sizes)  # type: ignore[no-untyped-call]
    return found


def _of_two(name: str, combine: Callable[[Tensor, Tensor], Tensor]) -> Function:
    """An elementwise function of two values, whose channels may be 1 or C."""

    def call(operands: list[Tensor], parts: int, size: tuple[int, int]) -> Tensor:
        a, b = operands
        if a.shape[1] == b.shape[1]:
            return combine(a, b)
        counts = [parts if t.shape[1] % parts == 0 and parts > 1 else 1 for t in (a, b)]
        return join_parts(combine(split_parts(a, counts[0]), split_parts(b, counts[1])))

    return Function((name,), call)


def _concatenate(operands: list[Tensor], parts: int, size: tuple[int, int]) -> Tensor:
    if parts == 1:
        return torch.cat(operands, 1)
    if operands[0].stride(3) == 1:
        return torch.cat([split_parts(t, parts) for t in operands], 2).flatten(1, 2)
    last = [torch.unflatten(t.permute(0, 2, 3, 1), 3, (parts, -1)) for t in operands]
    return torch.cat(last, 4).flatten(3).permute(0, 3, 1, 2)


def first_channels(x: Tensor, count: int) -> Tensor:
    """A dense copy of the first channels, in the order of memory of ``x``, as its gradient will be."""
    if x.stride(3) == 1:
        return x[:, :count].contiguous()
    return x.permute(0, 2, 3, 1)[..., :count].contiguous().permute(0, 3, 1, 2)


PRODUCT = _of_two("product", torch.mul)
SUM = _of_two("sum", torch.add)
CONCATENATION = Function(("concatenation",), _concatenate)
