"""Values of a fused supernet as sums of convolutions of features, with kernels that are composed before they are run.

Between two non-linear functions a block only convolves, adds and concatenates. Such a part is a ``Linear``: a sum of
terms, each a kernel over a ``Feature`` that will really be computed. A 1x1 convolution of a ``Linear`` is a ``Linear``
again (its matrix is multiplied into the kernels, exactly, borders included), so that chains of convolutions, sums over
branches and weighted sums over candidates become fewer and wider convolutions. Nothing here touches images: kernels
are recipes that make tensors from the parameters of a step.

X counts the instances of a candidate: the edges, of all cells, that offer it. All tensors that a recipe makes begin
with that dimension.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

if TYPE_CHECKING:
    from nas.supernet.fused.parameters import StepParameters

#: the parameters of a step -> (X, ...)
Make = Callable[["StepParameters"], Tensor]

#: multiply-adds an output value below which a convolution costs no less, for 1x1 and for larger windows (measured)
_LEAST_COST = {True: 16, False: 100}
#: channels up to which a grouped convolution is cheaper as one without groups
_FEW = 8


@dataclass(frozen=True)
class Window:
    """Where a convolution looks: pairs of (rows, columns)."""

    size: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)

    @property
    def is_point(self) -> bool:
        """Whether it looks at one pixel and keeps the size."""
        return self == Window()

    @property
    def keeps_size(self) -> bool:
        """Whether output and input are of one size, and the window is centred."""
        sides = zip(self.size, self.stride, self.padding, self.dilation, strict=True)
        return all(k % 2 and s == 1 and p == d * (k // 2) for k, s, p, d in sides)


@dataclass(frozen=True, eq=False)
class Kernel:
    """A convolution without its input.

    Attributes:
        out: Output channels.
        into: Input channels.
        window: Where it looks.
        groups: Groups of channels.
        make: -> (X, out, into / groups, rows, columns).
    """

    out: int
    into: int
    window: Window
    groups: int
    make: Make

    @property
    def cost(self) -> int:
        """Time of it for one pixel, in multiply-adds at full speed."""
        rows, columns = self.window.size
        return self.out * max(self.into // self.groups * rows * columns, _LEAST_COST[rows * columns == 1])

    def dense(self) -> Kernel:
        """The same convolution without groups."""
        if self.groups == 1:
            return self

        def make(step: StepParameters) -> Tensor:
            w = self.make(step)  # (X, out, into/g, h, w)
            x, out, inner, *size = w.shape
            own = torch.eye(self.groups, dtype=w.dtype, device=w.device).view(1, self.groups, 1, self.groups, 1, 1, 1)
            spread = w.view(x, self.groups, out // self.groups, 1, inner, *size) * own
            return spread.reshape(x, out, self.into, *size)

        return replace(self, groups=1, make=make)

    def columns(self, first: int, count: int) -> Kernel:
        """The part of a kernel without groups that reads some of the input channels."""
        return replace(self, into=count, make=lambda step: self.make(step)[:, :, first : first + count])

    def after(self, earlier: Kernel) -> Kernel:
        """This 1x1 convolution of the output of another one, as one convolution."""
        mine, other = self.dense(), earlier.dense()

        def make(step: StepParameters) -> Tensor:
            w, v = mine.make(step), other.make(step)  # (X, O, M, 1, 1), (X, M, I, h, w)
            return torch.bmm(w.flatten(2), v.flatten(2)).view(w.shape[0], mine.out, *v.shape[2:])

        return replace(other, out=mine.out, make=make)

    def scaled(self, factor: Make | float) -> Kernel:
        """Times a number, or times a number for each instance, (X,)."""
        if isinstance(factor, float):
            return self if factor == 1.0 else replace(self, make=lambda step: self.make(step) * factor)
        return replace(self, make=lambda step: self.make(step) * factor(step).view(-1, 1, 1, 1, 1))

    def widened(self, size: tuple[int, int]) -> Kernel:
        """Zeros around it, up to a larger size of the window; only for windows that keep the size."""
        rows, columns = ((large - small) // 2 for large, small in zip(size, self.window.size, strict=True))
        if not rows and not columns:
            return self
        padding = tuple(d * (k // 2) for d, k in zip(self.window.dilation, size, strict=True))
        window = replace(self.window, size=size, padding=(padding[0], padding[1]))
        return replace(self, window=window, make=lambda step: F.pad(self.make(step), (columns, columns, rows, rows)))


def identity(channels: int) -> Kernel:
    """The 1x1 convolution that changes nothing."""

    def make(step: StepParameters) -> Tensor:
        eye = torch.eye(channels, dtype=step.dtype, device=step.device).view(1, channels, channels, 1, 1)
        return eye.expand(step.instances, -1, -1, -1, -1)

    return Kernel(channels, channels, Window(), 1, make)


@dataclass(frozen=True, eq=False)
class Function:
    """What is applied to tensors before they are a feature.

    Attributes:
        key: Two functions of one key are the same.
        call: (operands, parts, size) -> tensor. Operands are (N, parts * channels, h, w); the function treats all
            parts alike. ``size`` is that of the image.
    """

    key: tuple[Hashable, ...]
    call: Callable[[list[Tensor], int, tuple[int, int]], Tensor]


@dataclass(frozen=True, eq=False)
class Feature:
    """A tensor that is computed: a function of linear values; (N, channels, h, w) for each instance.

    Attributes:
        operands: What the function is applied to; empty for the input of the edges.
        function: The function.
        channels: Channels of an instance.
        shared: It depends on no parameter, so that all edges that leave a node have the same.
        level: Steps from the input.
    """

    operands: tuple[Linear, ...]
    function: Function
    channels: int
    shared: bool = False
    level: int = 0


@dataclass(frozen=True, eq=False)
class Term:
    """A feature under a kernel; without a kernel the feature itself, times a factor."""

    base: Feature
    kernel: Kernel | None = None
    factor: float = 1.0

    @property
    def cost(self) -> int:
        """Time for one pixel (see ``Kernel.cost``)."""
        return self.base.channels * _LEAST_COST[True] if self.kernel is None else self.kernel.cost

    def explicit(self) -> Kernel:
        """Its kernel, also where it is the identity."""
        return (identity(self.base.channels) if self.kernel is None else self.kernel).scaled(self.factor)


@dataclass(frozen=True, eq=False)
class Linear:
    """A sum of terms, plus a bias of each channel, plus a constant.

    Attributes:
        channels: Output channels.
        terms: The terms.
        bias: -> (X, channels).
        constant: Added to all.
    """

    channels: int
    terms: tuple[Term, ...]
    bias: Make | None = None
    constant: float = 0.0
    _holder: list[Feature] = field(default_factory=list, repr=False)

    @property
    def feature(self) -> Feature | None:
        """The one feature that it is, if it is one."""
        if self._holder:
            return self._holder[0]
        plain = len(self.terms) == 1 and self.bias is None and self.constant == 0.0
        if plain and self.terms[0].kernel is None and self.terms[0].factor == 1.0:
            return self.terms[0].base
        return None

    @property
    def shared(self) -> bool:
        """Whether it depends on no parameter."""
        return self.bias is None and all(t.kernel is None and t.base.shared for t in self.terms)

    @property
    def level(self) -> int:
        """Level of the features that it reads."""
        return max((t.base.level for t in self.terms), default=0)

    def known(self) -> Linear:
        """Itself, or the feature that it was made into already."""
        return of(self._holder[0]) if self._holder else self

    def scaled(self, factor: float) -> Linear:
        """Times a number."""
        bias = self.bias
        return Linear(
            self.channels,
            tuple(
                replace(t, factor=t.factor * factor) if t.kernel is None else replace(t, kernel=t.kernel.scaled(factor))
                for t in self.terms
            ),
            None if bias is None else lambda step: bias(step) * factor,
            self.constant * factor,
        )

    def plus(self, other: Linear) -> Linear:
        """The sum of two values of equally many channels."""
        return Linear(
            self.channels,
            self.known().terms + other.known().terms,
            add_makes(self.known().bias, other.known().bias),
            self.known().constant + other.known().constant,
        )

    def convolved(self, kernel: Kernel, bias: Make | None) -> Linear:
        """A convolution of it: composed where that is exact and costs less, else of a feature that it becomes."""
        own = self.known()
        terms, constant = own.terms, own.constant
        simple = own.feature is not None or (
            kernel.window.is_point and constant == 0.0 and self._composed_costs(kernel) <= self._separate_costs(kernel)
        )
        if not simple:
            return of(become_feature(own)).convolved(kernel, bias)
        new = tuple(_apply(kernel, t) for t in terms)
        before = own.bias
        if before is not None:
            matrix = kernel.dense().make

            def carried(step: StepParameters) -> Tensor:
                return torch.bmm(matrix(step).flatten(2), before(step).unsqueeze(2)).squeeze(2)

            bias = add_makes(carried, bias)
        return Linear(kernel.out, new, bias)

    def _composed_costs(self, kernel: Kernel) -> int:
        return sum(replace(t.explicit(), out=kernel.out, groups=1).cost for t in self.known().terms)

    def _separate_costs(self, kernel: Kernel) -> int:
        return sum(t.cost for t in self.known().terms) + kernel.cost


def _apply(kernel: Kernel, term: Term) -> Term:
    if term.kernel is not None:
        return Term(term.base, kernel.after(term.kernel))
    few = kernel.into <= _FEW or kernel.window.is_point
    if term.base.shared and kernel.groups > 1 and not few:
        # groups of a feature that all edges share: each edge gets a copy of its own
        return Term(_expanded(term.base), kernel.scaled(term.factor))
    return Term(term.base, (kernel.dense() if term.base.shared else kernel).scaled(term.factor))


def _expanded(base: Feature) -> Feature:
    def call(operands: list[Tensor], parts: int, size: tuple[int, int]) -> Tensor:
        return operands[0].repeat(1, parts // (operands[0].shape[1] // base.channels), 1, 1)

    return Feature((of(base),), Function(("a copy for each edge",), call), base.channels, False, base.level + 1)


def add_makes(a: Make | None, b: Make | None) -> Make | None:
    """The sum of two recipes, each of which may be missing."""
    if a is None or b is None:
        return a or b
    return lambda step: a(step) + b(step)


def of(feature: Feature) -> Linear:
    """A feature as a linear value."""
    return Linear(feature.channels, (Term(feature),))


#: the function that changes nothing
SAME = Function(("same",), lambda operands, parts, size: operands[0])
#: the input of the edges
INPUT = Function(("input",), SAME.call)


def become_feature(value: Linear) -> Feature:
    """Have a value computed; once, however often it is asked for."""
    found = value.feature
    if found is None:
        found = Feature((value,), SAME, value.channels, value.shared, value.level + 1)
        value._holder.append(found)
    return found


def apply(function: Function, *operands: Linear, channels: int | None = None) -> Linear:
    """A function of values as a new feature."""
    known = tuple(operand.known() for operand in operands)
    shared = all(operand.shared for operand in known)
    level = max(operand.level for operand in known) + 1
    return of(Feature(known, function, channels or known[0].channels, shared, level))
