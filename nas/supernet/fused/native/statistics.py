"""The operator ``jsnas::statistics``: means, variances and maxima of a node's value in compiled loops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from nas.supernet.fused.native.calls import Call, define, in_order_of, last
from nas.supernet.fused.statistics import STATISTICS, gradient


def _empty(x: Tensor, which: Sequence[int]) -> list[Tensor]:
    n, c, h, w = x.shape
    return [x.new_empty((n, c, 1, 1) if number < 2 else (n, 1, h, w)) for number in which]


def _call(x: Tensor) -> Call:
    n, c, h, w = x.shape
    call = Call(x.dtype, n, h * w, c, torch.get_num_threads())
    call.point(last(x))
    return call


def _statistics(x: Tensor, which: Sequence[int]) -> list[Tensor]:
    found = _empty(x, which)
    by_number = dict(zip(which, found, strict=True))
    call = _call(x)
    call.point(*(by_number.get(number) for number in range(len(STATISTICS))), *[None] * 5)
    call.run("statistics")
    return found


def _backward(grads: Sequence[Tensor], x: Tensor, which: Sequence[int]) -> Tensor:
    call = _call(x)
    given: list[Tensor | None] = [None] * len(STATISTICS)
    for number, grad in zip(which, grads, strict=True):
        given[number] = call.dense(grad)
    result = torch.empty_like(x, memory_format=torch.channels_last)
    call.point(*[None] * 4, *given, result)
    call.run("statistics_backward")
    return in_order_of(x, result)


def _backward_fake(grads: Sequence[Tensor], x: Tensor, which: Sequence[int]) -> Tensor:
    return torch.empty_like(x)


class _Statistics(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, which: list[int]) -> tuple[Tensor, ...]:
        ctx.which = which
        ctx.save_for_backward(x)
        return tuple(torch.ops.jsnas.statistics(x, which))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        (x,) = ctx.saved_tensors
        if torch.is_grad_enabled():  # the gradient will be differentiated itself
            return gradient(x, {STATISTICS[n]: grad for n, grad in zip(ctx.which, grads, strict=True)}), None
        return torch.ops.jsnas.statistics_backward(grads, x, ctx.which), None


def compiled_statistics(x: Tensor, names: tuple[str, ...]) -> dict[str, Tensor]:
    """As ``nas.supernet.fused.statistics.statistics``."""
    if not names:
        return {}
    found = _Statistics.apply(x, [STATISTICS.index(name) for name in names])  # type: ignore[no-untyped-call]
    return dict(zip(names, found, strict=True))


define("statistics", "(Tensor x, int[] which) -> Tensor[]", _statistics, _empty)
define("statistics_backward", "(Tensor[] grads, Tensor x, int[] which) -> Tensor", _backward, _backward_fake)
