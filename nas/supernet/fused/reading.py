"""Reading what a block computes: its ``forward`` is traced by torch.fx and written as linear values and gates.

A block needs no declaration. One that does what is not known here (a reshape, a branch on values, batch
normalisation, an attention matrix) is not read, and is run as it is.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import fx, nn
from torch.nn.utils import parametrize

from nas.supernet.fused import functions
from nas.supernet.fused.linear import Feature, Function, Kernel, Linear, Make, Window, apply, become_feature, of

Value = Any  # Linear, Concatenated, Output, or a plain argument


class UnreadableError(Exception):
    """The block does what a fused supernet cannot compute."""


@dataclass(frozen=True, eq=False)
class Concatenated:
    """Values side by side in the channels, not put together yet."""

    pieces: tuple[Linear, ...]


@dataclass(frozen=True, eq=False)
class Output:
    """linear + gate * input; either may be missing."""

    linear: Linear | None = None
    gate: Linear | None = None


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Also a check that passes its input on (a subclass of nn.Identity)."""
        return isinstance(m, nn.Identity) or super().is_leaf_module(m, module_qualified_name)


class Reader:
    """Reads candidates of one role; what depends on no parameter is the same feature for all of them.

    Attributes:
        input: What the blocks are given.
    """

    def __init__(self, channels: int, known: dict[Any, Feature]) -> None:
        """Begin with the input of the edges.

        Args:
            channels: Its channels.
            known: Features without parameters by what they are computed of; filled.
        """
        from nas.supernet.fused.linear import INPUT

        self._known = known
        self.input = known.setdefault("input", Feature((), INPUT, channels, True))

    def read(self, block: nn.Module, number: int) -> Output:
        """What a block computes.

        Args:
            block: The block.
            number: Its number among the candidates, by which its parameters are found later.

        Raises:
            UnreadableError: It does something that is not known here.
        """
        try:
            graph = _Tracer().trace(block)
        except Exception as error:  # a block may do anything to the symbols that it is traced with
            raise UnreadableError(str(error)) from error
        values: dict[fx.Node, Value] = {}
        for node in graph.nodes:
            if node.op == "output":
                return self._output(fx.map_arg(node.args[0], values.__getitem__))
            args = fx.map_arg(node.args, values.__getitem__)
            kwargs = fx.map_arg(node.kwargs, values.__getitem__)
            if node.op == "placeholder":
                values[node] = of(self.input)
            elif node.op == "call_module":
                layer = block.get_submodule(str(node.target))
                values[node] = self._layer(layer, number, str(node.target), args[0])
            elif node.op in ("call_function", "call_method"):
                values[node] = self._call(node.target, args, dict(kwargs))
            else:
                raise UnreadableError(f"it reads {node.target}")
        raise UnreadableError("it returns nothing")

    def _output(self, value: Value) -> Output:
        return sorted_output(value, self.input) if isinstance(value, Output) else Output(self._linear(value))

    def _linear(self, value: Value) -> Linear:
        if isinstance(value, Output):
            parts = [p for p in (value.linear, self._gated(value.gate)) if p is not None]
            return parts[0] if len(parts) == 1 else parts[0].plus(parts[1])
        if isinstance(value, Concatenated):
            return self._apply(functions.CONCATENATION, *value.pieces, channels=sum(p.channels for p in value.pieces))
        if isinstance(value, Linear):
            return value
        raise UnreadableError(f"{value!r} is no image")

    def _gated(self, gate: Linear | None) -> Linear | None:
        return None if gate is None else self._product(gate, of(self.input))

    def _apply(self, function: Function, *operands: Linear, channels: int | None = None) -> Linear:
        """A feature; the one that is known already where it depends on no parameter."""
        if function is functions.SPATIAL_MEAN and (spread := self._variance_of(operands[0])) is not None:
            return self._apply(functions.SPATIAL_VARIANCE, spread)
        made = apply(function, *operands, channels=channels)
        feature = made.feature
        if feature is None or not feature.shared:
            return made
        read = tuple((tuple((id(t.base), t.factor) for t in o.terms), o.constant) for o in feature.operands)
        return of(self._known.setdefault((function.key, read), feature))

    @staticmethod
    def _variance_of(value: Linear) -> Linear | None:
        """Of what it is the squared difference from the spatial mean, if it is one."""
        square = value.feature
        if square is None or square.function is not functions.SQUARE or len(terms := square.operands[0].terms) != 2:
            return None
        one, mean = sorted(terms, key=lambda t: -t.factor)
        plain = one.kernel is None and mean.kernel is None and (one.factor, mean.factor) == (1.0, -1.0)
        is_mean = mean.base.function is functions.SPATIAL_MEAN and mean.base.operands[0].feature is one.base
        return of(one.base) if plain and is_mean else None

    # ------------------------------------------------------------------ layers
    def _layer(self, layer: nn.Module, number: int, path: str, value: Value) -> Value:
        if isinstance(layer, nn.Identity):
            return value
        if isinstance(layer, nn.Conv2d):
            return self._convolution(layer, number, path, value)
        function = functions.layer_function(layer)
        if function is None:
            raise UnreadableError(f"the layer {type(layer).__name__} is not known")
        return self._channelwise(function, value)

    def _channelwise(self, function: Function, value: Value) -> Value:
        if isinstance(value, Concatenated):
            return Concatenated(tuple(self._apply(function, piece) for piece in value.pieces))
        return self._apply(function, self._linear(value))

    def _convolution(self, layer: nn.Conv2d, number: int, path: str, value: Value) -> Linear:
        if layer.padding_mode != "zeros" or not isinstance(layer.padding, tuple):
            raise UnreadableError("a convolution that pads otherwise than with zeros of a stated width")
        if parametrize.is_parametrized(layer, "bias"):
            raise UnreadableError("a convolution whose bias is computed")
        window = Window(
            *((int(a), int(b)) for a, b in (layer.kernel_size, layer.stride, layer.padding, layer.dilation))
        )
        kernel = Kernel(
            layer.out_channels,
            layer.in_channels,
            window,
            layer.groups,
            lambda step: step.parameter(number, path, "weight"),
        )
        bias: Make | None = None if layer.bias is None else lambda step: step.parameter(number, path, "bias")
        if not isinstance(value, Concatenated):
            return self._linear(value).convolved(kernel, bias)
        together = all(p.known().shared for p in value.pieces) or (kernel.groups > 1 and kernel.out > 8)
        if together:
            return self._linear(value).convolved(kernel, bias)
        return self._distributed(value.pieces, kernel.dense(), bias)

    @staticmethod
    def _distributed(pieces: tuple[Linear, ...], kernel: Kernel, bias: Make | None) -> Linear:
        """A convolution of a concatenation as a sum of convolutions of its pieces."""
        first, total = 0, None
        for piece in pieces:
            part = piece.convolved(kernel.columns(first, piece.channels), None)
            total = part if total is None else total.plus(part)
            first += piece.channels
        assert total is not None
        return total if bias is None else total.plus(Linear(kernel.out, (), bias))

    # ------------------------------------------------------------------ functions and methods
    def _call(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Value:
        if (target is getattr and args[1] == "shape") or (target == "size" and len(args) == 1):
            return self._size(args[0])
        if target is operator.getitem and args[0] in (_SHAPE, functions.SIZE):
            return _side(args[0], args[1])
        if target in _ADD:
            return self._sum(args[0], args[1], -1.0 if _ADD[target] else 1.0, kwargs)
        if target in _MULTIPLY:
            return self._multiply(args[0], args[1])
        if target in (torch.cat, torch.concat):
            dim = args[1] if len(args) > 1 else kwargs.get("dim", 0)
            if dim != 1:
                raise UnreadableError("it concatenates along another dimension than the channels")
            flat = [v.pieces if isinstance(v, Concatenated) else (self._linear(v),) for v in args[0]]
            return Concatenated(tuple(piece for pieces in flat for piece in pieces))
        return self._reduced(target, args, kwargs)

    def _reduced(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Value:
        name = target if isinstance(target, str) else getattr(target, "__name__", "")
        if name in ("mean", "sum", "amax"):
            dim = kwargs.get("dim", args[1] if len(args) > 1 else None)
            keep = kwargs.get("keepdim", args[2] if len(args) > 2 else False)
            dims = tuple(dim) if isinstance(dim, tuple | list) else (dim,)
            function = functions.reduction(name, dims, bool(keep))
            if function is None:
                raise UnreadableError(f"{name} over dimensions {dims}")
            value = self._linear(args[0])
            return self._apply(function, value, channels=1 if dims == (1,) else value.channels)
        kwargs = {k: functions.SIZE if _is_size(v) else v for k, v in kwargs.items()}
        function = functions.call_function(target, tuple(args[1:]), kwargs)
        if function is None:
            raise UnreadableError(f"the function {name} is not known")
        return self._channelwise(function, args[0])

    def _size(self, value: Value) -> str:
        if isinstance(value, Linear) and value.feature is self.input:
            return _SHAPE
        raise UnreadableError("it asks for the size of a value that is not its input")

    def _sum(self, a: Value, b: Value, sign: float, kwargs: dict[str, Any]) -> Value:
        if kwargs:
            raise UnreadableError("a sum with further arguments")
        if isinstance(b, int | float):
            a = self._linear(a)
            return a.plus(Linear(a.channels, (), None, sign * float(b)))
        if isinstance(a, int | float):
            return self._sum(self._linear(b).scaled(sign), a, 1.0, {})
        if isinstance(a, Output) or isinstance(b, Output):
            one, other = self._as_output(a), self._as_output(b, sign)
            return Output(_plus(one.linear, other.linear), _plus(one.gate, other.gate))
        first, second = self._linear(a), self._linear(b).scaled(sign) if sign != 1.0 else self._linear(b)
        if first.channels != second.channels:
            return self._apply(functions.SUM, first, second, channels=max(first.channels, second.channels))
        return first.plus(second)

    def _as_output(self, value: Value, sign: float = 1.0) -> Output:
        """A summand; the input itself is one gate of the constant 1."""
        if isinstance(value, Output):
            return Output(*(None if p is None else p.scaled(sign) for p in (value.linear, value.gate)))
        value = self._linear(value)
        if value.feature is self.input:
            return Output(None, Linear(1, (), None, sign))
        return Output(value.scaled(sign))

    def _multiply(self, a: Value, b: Value) -> Value:
        if isinstance(a, int | float):
            a, b = b, a
        if isinstance(b, int | float):
            return self._linear(a).scaled(float(b))
        one, other = self._linear(a), self._linear(b)
        if one.feature is self.input:
            one, other = other, one
        if other.feature is self.input and one.channels in (1, other.channels):
            return Output(None, one)
        return self._product(one, other)

    def _product(self, a: Linear, b: Linear) -> Linear:
        return self._apply(functions.PRODUCT, a, b, channels=max(a.channels, b.channels))


def sorted_output(output: Output, input: Feature) -> Output:
    """The same with a gate that is a sum of sigmoids and a constant; anything else becomes part of the linear value."""
    gate = output.gate
    if gate is None:
        return output
    kept = tuple(t for t in gate.terms if t.kernel is None and t.base.function is functions.SIGMOID)
    rest = tuple(t for t in gate.terms if t not in kept)
    if not rest and gate.bias is None:
        return output
    other = apply(functions.PRODUCT, Linear(gate.channels, rest, gate.bias), of(input), channels=input.channels)
    return Output(_plus(output.linear, other), Linear(gate.channels, kept, None, gate.constant))


def _plus(a: Linear | None, b: Linear | None) -> Linear | None:
    if a is None or b is None:
        return a or b
    if a.channels == b.channels:
        return a.plus(b)
    if not a.terms and a.bias is None:  # a constant has as many channels as it is added to
        return replace(b, constant=a.constant + b.constant)
    if not b.terms and b.bias is None:
        return replace(a, constant=a.constant + b.constant)
    return apply(functions.SUM, of(become_feature(a)), of(become_feature(b)), channels=max(a.channels, b.channels))


#: stands for the shape of the input
_SHAPE = "shape of the input"
#: (what is indexed, index) -> what it stands for
_SIDES = {
    (_SHAPE, "slice(-2, None, None)"): functions.SIZE, (_SHAPE, "slice(2, None, None)"): functions.SIZE,
    (_SHAPE, "2"): "height", (_SHAPE, "-2"): "height", (_SHAPE, "3"): "width", (_SHAPE, "-1"): "width",
    (functions.SIZE, "0"): "height", (functions.SIZE, "-2"): "height",
    (functions.SIZE, "1"): "width", (functions.SIZE, "-1"): "width",
}  # fmt: skip


def _side(of_what: str, index: Any) -> str:
    if (of_what, str(index)) not in _SIDES:
        raise UnreadableError("it reads the size of its input in an unusual way")
    return _SIDES[of_what, str(index)]


def _is_size(value: Any) -> bool:
    """The height and width of the input, as one value or two."""
    return value is functions.SIZE or (isinstance(value, tuple | list) and list(value) == ["height", "width"])


#: functions and methods that add, and whether they subtract
_ADD: dict[Any, bool] = {
    operator.add: False, operator.iadd: False, torch.add: False, "add": False,
    operator.sub: True, torch.sub: True, "sub": True,
}  # fmt: skip
_MULTIPLY: tuple[Any, ...] = (operator.mul, operator.imul, torch.mul, "mul")
