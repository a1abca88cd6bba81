"""The gates of ``gates.py`` on a CPU with channels last: edge by edge, a few images at a time.

All that is made of one edge and a few images stays in the cache of a core, where an operation takes a quarter of its
time, and results and gradients of an edge are dense. Images are rows here: (images * H * W, channels).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from nas.supernet.fused.linear import Window
from nas.supernet.fused.rows import image_of, part, portions, rows_of
from nas.supernet.fused.sweeps import Sweep


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


@dataclass
class _Slopes:
    """Gradients of the tensors of all z; made when first added to, None for those that nobody wants."""

    tensors: Sequence[Tensor]
    wanted: Sequence[bool]
    found: dict[int, Tensor] = field(default_factory=dict)

    def of(self, number: int | None, rows: bool = False) -> Tensor | None:
        """The gradient to add to: of a base as rows."""
        if number is None or not self.wanted[number]:
            return None
        if number not in self.found:
            t = self.tensors[number]
            shape = (t.shape[0] * t.shape[2] * t.shape[3], t.shape[1]) if rows else tuple(t.shape)
            self.found[number] = t.new_zeros(shape)
        return self.found[number]

    def result(self, bases: set[int]) -> list[Tensor | None]:
        """In the order of the tensors."""
        return [
            None if (g := self.found.get(i)) is None else image_of(g, t) if i in bases else g
            for i, t in enumerate(self.tensors)
        ]


@lru_cache(maxsize=8)
def _spread(groups: int, channels: int, dtype: torch.dtype) -> Tensor:
    """The matrix that copies each of some channels to the neighbouring channels that read it; a constant."""
    return torch.eye(groups, dtype=dtype).repeat_interleave(channels // groups, 1)


class _Term:
    """One convolution of one edge."""

    def __init__(self, c: Convolution, tensors: Sequence[Tensor], edge: int, edges: int, channels: int) -> None:
        self._c, self._x = c, tensors[c.base]
        rows = rows_of(self._x)
        apart = c.kernel is None or c.groups > 1 or (edges == 1)
        width = rows.shape[1] // edges if apart else rows.shape[1]
        self._columns = slice(edge * width, (edge + 1) * width) if apart else slice(0, width)
        self._own = slice(edge * channels, (edge + 1) * channels)
        self._rows = rows[:, self._columns]
        self._kernel = None if c.kernel is None else tensors[c.kernel][self._own]
        self._bias = None if c.bias is None else tensors[c.bias][self._own]
        self._groups = max(1, c.groups // edges)
        self._spread: Tensor | None = None
        self._kept: Tensor | None = None
        if self._kernel is None:
            return
        self._is_point = c.window.is_point and self._groups == 1
        if self._is_point:
            self._matrix = self._kernel.flatten(1)
        elif self._groups > 1 and self._kernel.shape[1] == 1 and channels > self._groups:
            # torch has a fast convolution of each channel by itself: every input channel is copied to its readers
            self._spread = _spread(self._groups, channels, rows.dtype)
            self._groups = channels

    def scale(self, weight: Tensor) -> None:
        """Prepare the way back: the weight of the edge is multiplied into the kernel, far smaller than a gradient."""
        self._weight = weight
        if self._kernel is not None:
            self._scaled = self._matrix * weight if self._is_point else self._kernel * weight

    def forward(self, here: slice) -> tuple[Tensor, bool]:
        """Rows of the term, and whether they may be changed in place."""
        rows = part(self._rows, here)
        if self._kernel is None:
            return rows, False
        if self._is_point:
            matrix = self._matrix.t()
            return (rows @ matrix if self._bias is None else torch.addmm(self._bias, rows, matrix)), True
        self._kept = image_of(rows.contiguous() if self._spread is None else rows @ self._spread, self._x)
        w = self._c.window
        y = F.conv2d(self._kept, self._kernel, self._bias, w.stride, w.padding, w.dilation, self._groups)
        return rows_of(y), True

    def backward(self, slope: Tensor, here: slice, slopes: _Slopes) -> None:
        """Add what the gradient of the z gives to the tensors; kernels and biases still lack the edge's weight."""
        base = slopes.of(self._c.base, rows=True)
        into = None if base is None else part(base, here)[:, self._columns]
        kernel, bias = slopes.of(self._c.kernel), slopes.of(self._c.bias)
        if self._kernel is None:
            if into is not None:
                into += slope * self._weight
            return
        if bias is not None:
            bias[self._own].addmv_(slope.t(), slope.new_ones(slope.shape[0]))
        if self._is_point:
            if into is not None:
                into.addmm_(slope, self._scaled)
            if kernel is not None:
                kernel[self._own].flatten(1).addmm_(slope.t(), part(self._rows, here))
            return
        if into is None and kernel is None:
            return
        assert self._kept is not None
        w, mask = self._c.window, [into is not None, kernel is not None, False]
        found = torch.ops.aten.convolution_backward(
            image_of(slope, self._x), self._kept, self._scaled, None,
            w.stride, w.padding, w.dilation, False, [0, 0], self._groups, mask,
        )  # fmt: skip
        if into is not None:
            rows = rows_of(found[0])
            _ = into.add_(rows) if self._spread is None else into.addmm_(rows, self._spread.t())
        if kernel is not None:
            kernel[self._own] += found[1]

    def finish(self, slopes: _Slopes) -> None:
        """Give kernel and bias the edge's weight."""
        for number in (self._c.kernel, self._c.bias):
            grad = slopes.of(number)
            if grad is not None:
                grad[self._own] *= self._weight


@dataclass(frozen=True)
class Arguments:
    """What gates are made of, as ``gates.gated_sum`` has it.

    Attributes:
        x: (N, C, H, W).
        weights: (edges, number of z); None without any z.
        sides: Tensors that broadcast with (N, edges, C, H, W).
        tensors: Bases, kernels and biases of the terms.
        terms: The terms of each z.
        edges: How many edges.
    """

    x: Tensor
    weights: Tensor | None
    sides: Sequence[Tensor]
    tensors: Sequence[Tensor]
    terms: Sequence[Sequence[Convolution]]
    edges: int

    def z(self, edge: int) -> list[list[_Term]]:
        """The terms of each z of an edge."""
        channels = self.x.shape[1]
        return [[_Term(c, self.tensors, edge, self.edges, channels) for c in each] for each in self.terms]

    def sweep(self) -> Sweep:
        """What computes gates from z, for these arguments."""
        return Sweep(self.x, self.weights, self.sides)


def _z(terms: Sequence[_Term], rows: slice) -> Tensor:
    """A z, as a tensor of its own."""
    total, owned = terms[0].forward(rows)
    for term in terms[1:]:
        more, _ = term.forward(rows)
        total, owned = (total.add_(more) if owned else total + more), True
    return total if owned else total.clone(memory_format=torch.contiguous_format)


def forward(a: Arguments) -> list[Tensor]:
    """For each edge the input times the sum of its gates, (N, C, H, W)."""
    sweep = a.sweep()
    edges = [(a.z(e), sweep.x.new_empty(sweep.x.shape)) for e in range(a.edges)]
    for images, rows in portions(a.x):
        for e, (each, result) in enumerate(edges):
            sweep.multiply(e, images, rows, [_z(terms, rows) for terms in each], part(result, rows))
    return [image_of(result, a.x) for _, result in edges]


def backward(a: Arguments, needed: Sequence[bool], grads: Sequence[Tensor]) -> list[Tensor | None]:
    """The gradients of all arguments in the order of ``gates.gated_sum``; None where ``needed`` says so."""
    sweep, first = a.sweep(), 1 + bool(a.terms)
    after = first + len(a.sides)
    slopes = _Slopes(a.tensors, needed[after:])
    sweep.want(needed[0], bool(a.terms) and needed[1], needed[first:after])
    edges = [(a.z(e), rows_of(grad)) for e, grad in enumerate(grads)]
    for e, (each, _) in enumerate(edges):
        for k, terms in enumerate(each):
            for term in terms:
                assert a.weights is not None
                term.scale(a.weights[e, k])
    for images, rows in portions(a.x):
        for e, (each, grad) in enumerate(edges):
            found = sweep.slopes(e, images, rows, [_z(terms, rows) for terms in each], part(grad, rows))
            for terms, slope in zip(each, found, strict=True):
                for term in terms:
                    term.backward(slope, rows, slopes)
    for term in (t for each, _ in edges for terms in each for t in terms):
        term.finish(slopes)
    of_x, of_weights, of_sides = sweep.results()
    weights = [of_weights] if a.terms else []
    bases = {c.base for each in a.terms for c in each}
    return [None if of_x is None else image_of(of_x, a.x), *weights, *of_sides, *slopes.result(bases)]
