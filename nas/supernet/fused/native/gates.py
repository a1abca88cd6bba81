"""The operator ``jsnas::gates``: a tensor times the sum of its gates, for all edges that leave a node, in one sweep.

y[e] = x * (constant[e] + sum_k weights[e, k] * sigmoid(z_k[e])). What a z is made of is described by numbers
(``Gate``, ``Term``), so that the operator has nothing but tensors and numbers as arguments. ``plain`` is the same in
operations of torch; where a gradient is to be differentiated again, it takes the place of the compiled one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from nas.supernet.fused.functions import split_parts
from nas.supernet.fused.linear import Window
from nas.supernet.fused.native.calls import Call, define, in_order_of, last

VECTOR, MAP, WIDE = range(3)
#: where a 1x1 convolution looks
POINT = Window()
#: products of an output value up to which a convolution is computed inside the sweep
FEW_PRODUCTS = 32
#: input channels of a group up to which a grouped convolution is
FEW_CHANNELS = 4


@dataclass(frozen=True)
class Term:
    """A summand of a wide z: a tensor (N, edges * C, H, W), or a convolution of one that keeps the size.

    Attributes:
        base: Number of the tensor among those of the operator.
        kernel: Number of the kernel (edges * C, inputs of a group, rows, columns); -1 for none.
        bias: Number of the bias (edges * C,); -1 for none.
        window: Where the convolution looks.
        groups: Of the convolution over all edges; 1 where all edges read the whole base.
    """

    base: int
    kernel: int = -1
    bias: int = -1
    window: Window = POINT
    groups: int = 1

    def numbers(self) -> list[int]:
        """All of it."""
        w = self.window
        return [self.base, self.kernel, self.bias, self.groups, *w.size, *w.padding, *w.dilation]

    @classmethod
    def of(cls, n: Sequence[int]) -> Term:
        """From its numbers."""
        return cls(n[0], n[1], n[2], Window((n[4], n[5]), (1, 1), (n[6], n[7]), (n[8], n[9])), n[3])

    def value(self, tensors: Sequence[Tensor]) -> Tensor:
        """The term in operations of torch."""
        if self.kernel < 0:
            return tensors[self.base]
        w, bias = self.window, None if self.bias < 0 else tensors[self.bias]
        return F.conv2d(tensors[self.base], tensors[self.kernel], bias, w.stride, w.padding, w.dilation, self.groups)

    def is_small(self, tensors: Sequence[Tensor], edges: int) -> bool:
        """Whether it is computed inside the sweep."""
        each = tensors[self.kernel].shape[1]
        own = max(self.groups // edges, 1)
        return each * self.window.size[0] * self.window.size[1] <= FEW_PRODUCTS and (own == 1 or each <= FEW_CHANNELS)


@dataclass(frozen=True)
class Gate:
    """One z: ``VECTOR`` (N, edges * C, 1, 1), ``MAP`` (N, edges, H, W) or ``WIDE``, a sum of terms."""

    kind: int
    terms: tuple[Term, ...]


_TERM = len(Term(0).numbers())


def to_numbers(gates: Sequence[Gate]) -> list[int]:
    """Gates as the argument of the operator."""
    found = []
    for gate in gates:
        found += [gate.kind, len(gate.terms), *(n for term in gate.terms for n in term.numbers())]
    return found


@lru_cache(maxsize=256)
def _parsed(numbers: tuple[int, ...]) -> tuple[Gate, ...]:
    found, at = [], 0
    while at < len(numbers):
        kind, count = numbers[at : at + 2]
        first = at + 2
        at = first + count * _TERM
        found.append(Gate(kind, tuple(Term.of(numbers[i : i + _TERM]) for i in range(first, at, _TERM))))
    return tuple(found)


def plain(
    x: Tensor, weights: Tensor, constant: Tensor | None, tensors: Sequence[Tensor], layout: Sequence[int]
) -> list[Tensor]:
    """What ``gates`` computes, in operations that torch differentiates itself, as often as one likes."""
    edges = weights.shape[0]
    total = None if constant is None else constant.view(1, -1, 1, 1, 1)
    for k, gate in enumerate(_parsed(tuple(layout))):
        z = gate.terms[0].value(tensors)
        for term in gate.terms[1:]:
            z = z + term.value(tensors)
        part = split_parts(torch.sigmoid(z), edges) * weights[:, k].view(1, -1, 1, 1, 1)
        total = part if total is None else total + part
    assert total is not None
    return [total[:, e] * x for e in range(edges)]


def _call(x: Tensor, weights: Tensor, constant: Tensor | None) -> Call:
    n, c, h, w = x.shape
    call = Call(x.dtype, n, h, w, c, weights.shape[0], torch.get_num_threads(), weights.shape[1])
    call.point(last(x), call.dense(weights), None if constant is None else call.dense(constant))
    return call


class _Slopes:
    """Gradients of the operator's tensors, part by part."""

    def __init__(self, tensors: Sequence[Tensor], wanted: Sequence[bool]) -> None:
        self._tensors, self._wanted = tensors, wanted
        self._found: dict[int, list[Tensor]] = {}

    def wants(self, number: int) -> bool:
        """Whether the gradient of a tensor is wanted."""
        return number >= 0 and self._wanted[number]

    def new(self, number: int, like: Tensor) -> Tensor | None:
        """A tensor for a part of a gradient, which will be written; None where none is wanted."""
        return self.add(number, torch.empty_like(like)) if self.wants(number) else None

    def add(self, number: int, part: Tensor) -> Tensor:
        """Take a part."""
        self._found.setdefault(number, []).append(part)
        return part

    def all(self) -> list[Tensor]:
        """The gradient of every tensor, an empty one where none is wanted."""
        found = [
            sum(parts[1:], parts[0]) if parts else None for parts in map(self._found.get, range(len(self._tensors)))
        ]
        return [
            t.new_empty(0) if f is None else in_order_of(t, f.to(t.dtype))
            for f, t in zip(found, self._tensors, strict=True)
        ]


def _describe(
    call: Call, gates: Sequence[Gate], tensors: Sequence[Tensor], slopes: _Slopes, edges: int
) -> list[Callable[[], None]]:
    """Append the description of all gates; what is left to be done after a backward sweep."""
    later: list[Callable[[], None]] = []
    for gate in gates:
        call.numbers.append(gate.kind)
        if gate.kind != WIDE:
            number = gate.terms[0].base
            z = call.last(tensors[number])
            call.point(z, slopes.new(number, z))
            continue
        call.numbers.append(len(gate.terms))
        for term in gate.terms:
            if term.kernel >= 0 and not term.is_small(tensors, edges):
                later.append(_large(call, term, tensors, slopes, edges))
            else:
                _small(call, term, tensors, slopes, edges)
    return later


def _small(call: Call, term: Term, tensors: Sequence[Tensor], slopes: _Slopes, edges: int) -> None:
    base = call.last(tensors[term.base])
    if term.kernel < 0:
        call.point(base, None, None, slopes.new(term.base, base), None, None)
        call.numbers += [0] * 7
        return
    kernel, bias = call.dense(tensors[term.kernel]), None if term.bias < 0 else call.dense(tensors[term.bias])
    call.point(base, kernel, bias, slopes.new(term.base, base), slopes.new(term.kernel, kernel))
    call.point(None if bias is None else slopes.new(term.bias, bias))
    shared = term.groups == 1 and edges > 1
    inputs = base.shape[1] if shared else base.shape[1] // edges
    groups = 1 if shared else term.groups // edges
    call.numbers += [inputs, groups, int(shared), *term.window.size, *term.window.dilation]


def _large(call: Call, term: Term, tensors: Sequence[Tensor], slopes: _Slopes, edges: int) -> Callable[[], None]:
    """A convolution that torch computes; the gradient of its result is written over it."""
    z = call.last(term.value([t.to(call.dtype) for t in tensors]))
    mask = [slopes.wants(number) for number in (term.base, term.kernel, term.bias)]
    call.point(z, None, None, z if any(mask) else None, None, None)
    call.numbers += [0] * 7

    def after() -> None:
        w, base, kernel = term.window, tensors[term.base].to(call.dtype), tensors[term.kernel].to(call.dtype)
        bias = None if term.bias < 0 else [kernel.shape[0]]
        parts = torch.ops.aten.convolution_backward(
            z, base, kernel, bias, w.stride, w.padding, w.dilation, False, [0, 0], term.groups, mask
        )
        for number, part, wanted in zip((term.base, term.kernel, term.bias), parts, mask, strict=True):
            if wanted:
                slopes.add(number, part)

    return after


def _gates(
    x: Tensor, weights: Tensor, constant: Tensor | None, tensors: Sequence[Tensor], layout: Sequence[int]
) -> list[Tensor]:
    call = _call(x, weights, constant)
    results = [torch.empty_like(x, memory_format=torch.channels_last) for _ in range(weights.shape[0])]
    call.point(None, None, None, *results)
    _describe(call, _parsed(tuple(layout)), tensors, _Slopes(tensors, [False] * len(tensors)), weights.shape[0])
    call.run("gates")
    return [in_order_of(x, y) for y in results]


def _gates_fake(
    x: Tensor, weights: Tensor, constant: Tensor | None, tensors: Sequence[Tensor], layout: Sequence[int]
) -> list[Tensor]:
    return [torch.empty_like(x) for _ in range(weights.shape[0])]


def _gates_backward(
    grads: Sequence[Tensor],
    x: Tensor,
    weights: Tensor,
    constant: Tensor | None,
    tensors: Sequence[Tensor],
    layout: Sequence[int],
    wanted: Sequence[bool],
) -> list[Tensor]:
    call = _call(x, weights, constant)
    own: list[Tensor | None] = [
        torch.empty_like(x, memory_format=torch.channels_last) if wanted[0] else None,
        torch.empty(weights.shape, dtype=x.dtype) if wanted[1] else None,
        torch.empty(weights.shape[0], dtype=x.dtype) if wanted[2] else None,
    ]
    call.point(*own, *(call.last(g) for g in grads))
    slopes = _Slopes(tensors, wanted[3:])
    later = _describe(call, _parsed(tuple(layout)), tensors, slopes, weights.shape[0])
    call.run("gates_backward")
    for after in later:
        after()
    first = [
        x.new_empty(0) if t is None else t.to(like.dtype)
        for t, like in zip(own, (x, weights, weights if constant is None else constant), strict=True)
    ]
    return [in_order_of(x, first[0]) if wanted[0] else first[0], *first[1:], *slopes.all()]


def _gates_backward_fake(
    grads: Sequence[Tensor],
    x: Tensor,
    weights: Tensor,
    constant: Tensor | None,
    tensors: Sequence[Tensor],
    layout: Sequence[int],
    wanted: Sequence[bool],
) -> list[Tensor]:
    of = [x, weights, weights.new_empty(weights.shape[0]), *tensors]
    return [torch.empty_like(t) if w else t.new_empty(0) for t, w in zip(of, wanted, strict=True)]


class _Gates(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, layout: list[int], x: Tensor, weights: Tensor, constant: Tensor | None, *tensors: Tensor
    ) -> tuple[Tensor, ...]:
        ctx.layout, ctx.has_constant = layout, constant is not None
        ctx.save_for_backward(x, weights, *([] if constant is None else [constant]), *tensors)
        return tuple(torch.ops.jsnas.gates(x, weights, constant, tensors, layout))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        x, weights, *rest = ctx.saved_tensors
        constant, tensors = (rest[0], rest[1:]) if ctx.has_constant else (None, rest)
        wanted = ctx.needs_input_grad[1:]
        if torch.is_grad_enabled():  # the gradient will be differentiated itself
            return (None, *_again(x, weights, constant, tensors, ctx.layout, wanted, grads))
        made = torch.ops.jsnas.gates_backward(grads, x, weights, constant, tensors, ctx.layout, wanted)
        return (None, *(m if w else None for m, w in zip(made, wanted, strict=True)))


def compiled_sum(
    x: Tensor, weights: Tensor, constant: Tensor | None, tensors: Sequence[Tensor], gates: Sequence[Gate]
) -> Sequence[Tensor]:
    """A tensor times the sum of its gates, differentiable as often as one likes.

    Args:
        x: (N, C, H, W), float32 or float64, on the CPU.
        weights: (edges, number of gates).
        constant: (edges,), added to the sum; None for none.
        tensors: What the gates are made of.
        gates: How.

    Returns:
        For each edge a tensor like x.
    """
    found: Sequence[Tensor] = _Gates.apply(to_numbers(gates), x, weights, constant, *tensors)  # type: ignore[no-untyped-call]
    return found


def _again(
    x: Tensor,
    weights: Tensor,
    constant: Tensor | None,
    tensors: Sequence[Tensor],
    layout: Sequence[int],
    wanted: Sequence[bool],
    grads: Sequence[Tensor],
) -> list[Tensor | None]:
    # some arguments are computed from others: as views of their own, each gets only what reaches it directly
    own = [None if t is None else t.view_as(t) for t in (x, weights, constant, *tensors)]
    y = plain(own[0], own[1], own[2], own[3:], layout)  # type: ignore[arg-type]
    asked = [t for t, w in zip(own, wanted, strict=True) if w and t is not None]
    found = iter(torch.autograd.grad(y, asked, grads, create_graph=True, allow_unused=True))
    return [next(found) if w else None for w in wanted]


_ARGUMENTS = "Tensor x, Tensor weights, Tensor? constant, Tensor[] tensors, int[] layout"
define("gates", f"({_ARGUMENTS}) -> Tensor[]", _gates, _gates_fake)
define(
    "gates_backward",
    f"(Tensor[] grads, {_ARGUMENTS}, bool[] wanted) -> Tensor[]",
    _gates_backward,
    _gates_backward_fake,
)
