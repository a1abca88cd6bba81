"""The sum of many sigmoid gates times their input, for all edges that leave a node; nothing of it is kept.

y[e] = x * (A[e] + B[e] + sum_k w[e, k] sigmoid(z_k[e])) with z_k a sum of convolutions. Plain autograd would keep every
sigmoid and the sum, which are the largest tensors of a mixed attention edge: (N, edges * C, H, W) each. Here they are
computed again in the backward pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import FunctionCtx

from nas.supernet.fused.functions import join_parts, split_parts
from nas.supernet.fused.linear import Window

#: values of a tensor of all gates that are worked on at a time on a CPU, so that they stay in its cache
CACHED_VALUES = 300_000


@dataclass(frozen=True)
class Convolution:
    """Where the tensors of one term of a z stand in the list of arguments.

    Attributes:
        base: The tensor that is read.
        kernel: Its kernel; None: the tensor itself.
        bias: The bias; None for none.
        window: Where the convolution looks.
        groups: Of the convolution.
    """

    base: int
    kernel: int | None
    bias: int | None
    window: Window
    groups: int


#: the terms of each z
Terms = Sequence[Sequence[Convolution]]


def gated_sum(
    x: Tensor, terms: Terms, weights: Tensor | None, sides: Sequence[Tensor], tensors: Sequence[Tensor]
) -> list[Tensor]:
    """A tensor times the sum of its gates.

    Args:
        x: (N, C, H, W).
        terms: How each z is computed from ``tensors``.
        weights: (edges, number of z).
        sides: What is added to the sum of the gates: tensors that broadcast with (N, edges, C, H, W).
        tensors: Bases, kernels and biases.

    Returns:
        For each edge a tensor (N, C, H, W).
    """
    edges = sides[0].shape[1] if weights is None else weights.shape[0]
    flat = [] if weights is None else [weights]
    return list(_Gated.apply(terms, edges, len(sides), x, *flat, *sides, *tensors))  # type: ignore[no-untyped-call]


def _convolve(c: Convolution, tensors: Sequence[Tensor]) -> Tensor:
    base = tensors[c.base]
    if c.kernel is None:
        return base
    bias = None if c.bias is None else tensors[c.bias]
    w = c.window
    return F.conv2d(base, tensors[c.kernel], bias, w.stride, w.padding, w.dilation, c.groups)


def _z(terms: Sequence[Convolution], tensors: Sequence[Tensor]) -> Tensor:
    total = _convolve(terms[0], tensors)
    for term in terms[1:]:
        total = total + _convolve(term, tensors)
    return total


def _parts(
    args: Sequence[Any], terms: Terms, sides: int
) -> tuple[Tensor, Tensor | None, Sequence[Tensor], Sequence[Tensor]]:
    weighted = 1 if terms else 0
    first = 1 + weighted
    return args[0], args[1] if weighted else None, args[first : first + sides], args[first + sides :]


def _plain(terms: Terms, edges: int, sides: int, args: Sequence[Any]) -> list[Tensor]:
    """The same in operations that torch differentiates itself, as often as one likes."""
    x, weights, extra, tensors = _parts(args, terms, sides)
    total: Tensor | None = None
    for k, each in enumerate(terms):
        assert weights is not None
        part = split_parts(torch.sigmoid(_z(each, tensors)), edges) * weights[:, k].view(1, -1, 1, 1, 1)
        total = part if total is None else total + part
    for side in extra:
        total = side if total is None else total + side
    assert total is not None
    return [total[:, e if total.shape[1] > 1 else 0] * x for e in range(edges)]


def _empty(x: Tensor, edges: int) -> Tensor:
    """(N, edges, C, H, W), whose two middle dimensions can be joined, in the order of memory of ``x``."""
    n, c, h, w = x.shape
    if x.stride(3) != 1:
        return x.new_empty(n, h, w, edges, c).permute(0, 3, 4, 1, 2)
    return x.new_empty(n, edges, c, h, w)


class _Gated(Function):
    @staticmethod
    def forward(ctx: FunctionCtx, terms: Terms, edges: int, sides: int, *args: Any) -> tuple[Tensor, ...]:
        ctx.terms, ctx.edges, ctx.sides = terms, edges, sides  # type: ignore[attr-defined]
        ctx.save_for_backward(*args)
        x = args[0]
        results = [torch.empty_like(x) for _ in range(edges)]
        for images in _portions(x, edges):
            here, weights, extra, tensors = _parts(_of_images(args, terms, sides, images), terms, sides)
            total = _sum_of_gates(weights, extra, _sigmoids(terms, tensors, edges), _empty(here, edges))
            for e, result in enumerate(results):
                torch.mul(total[:, e], here, out=result[images])
        return tuple(results)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        args, needed = ctx.saved_tensors, ctx.needs_input_grad[3:]
        if torch.is_grad_enabled():  # the gradient will be differentiated itself
            return (None, None, None, *_again(ctx, args, needed, grads))
        return (None, None, None, *_gradients(ctx.terms, ctx.sides, args, needed, grads))


def _again(ctx: Any, args: Sequence[Tensor], needed: Sequence[bool], grads: Sequence[Tensor]) -> list[Tensor | None]:
    # some arguments are computed from others: as views of their own, each gets only what reaches it directly
    own = [a.view_as(a) for a in args]
    wanted = [a for a, n in zip(own, needed, strict=True) if n]
    y = _plain(ctx.terms, ctx.edges, ctx.sides, own)
    found = iter(torch.autograd.grad(y, wanted, grads, create_graph=True, allow_unused=True))
    return [next(found) if n else None for n in needed]


def _portions(x: Tensor, edges: int) -> list[slice]:
    """The images of a batch, few at a time where the tensors of all would not stay in a CPU's cache."""
    count = x.shape[0]
    if x.device.type != "cpu":
        return [slice(0, count)]
    each = max(1, CACHED_VALUES // (edges * x[0].numel()))
    return [slice(first, min(first + each, count)) for first in range(0, count, each)]


def _by_image(terms: Terms, sides: int, args: Sequence[Tensor]) -> list[bool]:
    """Which arguments have an entry for each image: the input, sides, and what convolutions read."""
    first = 1 + bool(terms) + sides
    bases = {first + c.base for each in terms for c in each}
    count = args[0].shape[0]
    return [
        i == 0 or i in bases or (bool(terms) < i < first and a.shape[0] == count and count > 1)
        for i, a in enumerate(args)
    ]


def _of_images(args: Sequence[Tensor], terms: Terms, sides: int, images: slice) -> list[Tensor]:
    if images == slice(0, args[0].shape[0]):
        return list(args)
    return [a[images] if own else a for a, own in zip(args, _by_image(terms, sides, args), strict=True)]


def _sigmoids(terms: Terms, tensors: Sequence[Tensor], edges: int) -> list[Tensor]:
    """The gates, (N, edges, C, H, W) each."""
    found = []
    for each in terms:
        z = _z(each, tensors)
        owned = len(each) > 1 or each[0].kernel is not None
        found.append(split_parts(z.sigmoid_() if owned else z.sigmoid(), edges))
    return found


def _sum_of_gates(weights: Tensor | None, extra: Sequence[Tensor], gates: Sequence[Tensor], total: Tensor) -> Tensor:
    """The weighted sum of gates and sides, written into ``total``."""
    rest = list(extra)
    for k, gate in enumerate(gates):
        assert weights is not None
        weight = weights[:, k].view(1, -1, 1, 1, 1).to(gate.dtype)
        if k:
            total.addcmul_(gate, weight)
        else:
            torch.mul(gate, weight, out=total)
    if not gates:
        total.copy_(rest.pop())
    for side in rest:
        total += side
    return total


def _gradients(
    terms: Terms, sides: int, args: Sequence[Tensor], needed: Sequence[bool], grads: Sequence[Tensor]
) -> list[Tensor | None]:
    by_image = _by_image(terms, sides, args)
    whole: list[Tensor | None] | None = None
    portions = _portions(args[0], len(grads))
    for images in portions:
        here = _of_images(args, terms, sides, images)
        found = _portion(terms, sides, here, needed, [grad[images] for grad in grads])
        if len(portions) == 1:
            return found
        if whole is None:
            whole = [
                torch.empty_like(a) if own and f is not None else f
                for f, a, own in zip(found, args, by_image, strict=True)
            ]
        elif images.start:
            for w, f, own in zip(whole, found, by_image, strict=True):
                if w is not None and f is not None and not own:
                    w += f
        for w, f, own in zip(whole, found, by_image, strict=True):
            if w is not None and f is not None and own:
                w[images] = f
    assert whole is not None
    return whole


def _portion(
    terms: Terms, sides: int, args: Sequence[Tensor], needed: Sequence[bool], grads: Sequence[Tensor]
) -> list[Tensor | None]:
    """The gradients of a portion of the images."""
    x, weights, extra, tensors = _parts(args, terms, sides)
    wanted = needed[len(args) - len(tensors) :]
    edges = len(grads)
    each = _empty(x, edges)
    for e, grad in enumerate(grads):
        each[:, e] = grad
    gates = _sigmoids(terms, tensors, edges)
    total = _sum_of_gates(weights, extra, gates, _empty(x, edges)).mul_(each)
    gx = _summed(total) if needed[0] else None
    of_gates = torch.mul(each, x.unsqueeze(1), out=total)  # gradient of the sum of the gates
    slopes: list[Tensor | None] = [None] * len(tensors)
    of_weights = []
    for k, z_terms in enumerate(terms):
        assert weights is not None
        if needed[1]:  # the images first: that is much faster
            of_weights.append((of_gates * gates[k]).sum((0, 3, 4), dtype=weights.dtype).sum(1))
        slope = torch.ops.aten.sigmoid_backward(of_gates, gates[k])
        _into_terms(z_terms, join_parts(slope), weights[:, k], tensors, slopes, wanted)
    found: list[Tensor | None] = [gx]
    if weights is not None:
        found.append(torch.stack(of_weights, 1) if needed[1] else None)
    found += [_reduced(of_gates, side) for side in extra]
    return [f if n else None for f, n in zip([*found, *slopes], needed, strict=True)]


def _summed(x: Tensor) -> Tensor:
    """The sum over the edges, (N, C, H, W), in the order of memory of ``x``."""
    if x.stride(4) != 1:
        return x.permute(0, 3, 4, 1, 2).sum(3).permute(0, 3, 1, 2)
    return x.sum(1)


def _reduced(grad: Tensor, like: Tensor) -> Tensor:
    """The gradient of a tensor that was broadcast to that of ``grad``."""
    dims = [d for d in range(5) if like.shape[d] == 1 and grad.shape[d] != 1]
    return (grad.sum(dims, keepdim=True) if dims else grad).to(like.dtype)


def _into_terms(
    terms: Sequence[Convolution],
    grad: Tensor,
    weights: Tensor,
    tensors: Sequence[Tensor],
    slopes: list[Tensor | None],
    wanted: Sequence[bool],
) -> None:
    """Add the gradient of a z, ``grad`` times the weights of its edges, to those of the tensors that it was made of."""
    edges = weights.shape[0]
    for c in terms:
        if c.kernel is None:
            scaled = split_parts(grad, edges) * weights.view(1, -1, 1, 1, 1).to(grad.dtype)
            _add(slopes, c.base, join_parts(scaled))
            continue
        base, kernel, w = tensors[c.base], tensors[c.kernel], c.window
        bias = None if c.bias is None else [kernel.shape[0]]
        # the weights are multiplied into kernels rather than into the gradient, which is far larger
        factor = weights.to(kernel.dtype).repeat_interleave(kernel.shape[0] // edges)
        by_row = factor.view(-1, 1, 1, 1)
        mask = [wanted[c.base], wanted[c.kernel], c.bias is not None and wanted[c.bias]]
        parts = torch.ops.aten.convolution_backward(
            grad, base, kernel * by_row, bias, w.stride, w.padding, w.dilation, False, [0, 0], c.groups, mask
        )
        if mask[0]:
            _add(slopes, c.base, parts[0])
        if mask[1]:
            _add(slopes, c.kernel, parts[1] * by_row)
        if mask[2] and c.bias is not None:
            _add(slopes, c.bias, parts[2] * factor)


def _add(slopes: list[Tensor | None], where: int, grad: Tensor) -> None:
    before = slopes[where]
    slopes[where] = grad if before is None else before + grad
