"""How the weights of a network lie in those of a wider or deeper one, so that a supernet can share them.

A weight is found again in the larger network by its *place*: its name, in which a module may give its own part another
name (``at_place``) where its index in a list depends on what else the network holds. Of the larger weight it is then
the leading entries of every axis: leading output channels, leading input channels, and the middle of a kernel. Where
a layer reads or writes several tensors side by side, it says so (``in_parts``), and the leading entries of each are
taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeVar

import torch
from torch import nn

M = TypeVar("M", bound=nn.Module)
Parts = tuple[int, ...]
#: which entries of an axis: a slice where they are in a row, else their indices
Place = slice | torch.Tensor


def at_place(module: M, place: str) -> M:
    """The module, which from now on is called ``place`` among its siblings where weights are shared.

    Args:
        module: A child of another one.
        place: Another name than those of its siblings, the same in every network in which it does the same. It may have
            several parts, with dots between them.
    """
    module.shared_place = place  # type: ignore[assignment]
    return module


def in_parts(layer: M, *, inputs: Sequence[int] = (), outputs: Sequence[int] = ()) -> M:
    """The layer, whose channels are from now on those of several tensors side by side.

    Args:
        layer: A convolution or a linear layer.
        inputs: Channels of each tensor that it reads; empty: it reads one.
        outputs: Channels of each tensor that it writes; empty: it writes one.
    """
    layer.shared_parts = (tuple(inputs), tuple(outputs))  # type: ignore[assignment]
    return layer


@dataclass(frozen=True)
class Layout:
    """What must be known of a weight in order to find it in a larger one.

    Attributes:
        parts: For each axis the lengths of its parts; their sum is its length.
        kernel: How many of the last axes are those of a kernel, whose middle is kept.
        groups: Of a convolution; 1 for all else.
    """

    parts: tuple[Parts, ...]
    kernel: int = 0
    groups: int = 1

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""
        return tuple(map(sum, self.parts))


def layouts(module: nn.Module) -> dict[str, tuple[str, Layout]]:
    """For each parameter, by its name in the module: its name by places, and its layout. A shared one comes once."""
    seen: set[int] = set()
    found = {}
    for name, place, owner in _walk(module, "", ""):
        for own, parameter in owner._parameters.items():
            if parameter is not None and id(parameter) not in seen:
                seen.add(id(parameter))
                found[name + own] = (place + own, _layout(owner, own, parameter))
    return found


def module_places(module: nn.Module) -> dict[str, str]:
    """For each module, by its name in ``module``: its name by places."""
    return {name.rstrip("."): place.rstrip(".") for name, place, _ in _walk(module, "", "")}


def _walk(module: nn.Module, name: str, place: str) -> Iterator[tuple[str, str, nn.Module]]:
    yield name, place, module
    for own, child in module._modules.items():
        if child is not None:
            yield from _walk(child, f"{name}{own}.", f"{place}{getattr(child, 'shared_place', own)}.")


def _layout(owner: nn.Module, own: str, parameter: torch.Tensor) -> Layout:
    shape = tuple(parameter.shape)
    inputs, outputs = getattr(owner, "shared_parts", ((), ()))
    if not (isinstance(owner, nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.Linear) and own in ("weight", "bias")):
        return Layout(tuple((n,) for n in shape))
    first = outputs or (shape[0],)
    if own == "bias":
        return Layout((first,), groups=getattr(owner, "groups", 1))
    second = inputs if inputs and sum(inputs) == shape[1] else (shape[1],)
    return Layout((first, second, *((n,) for n in shape[2:])), len(shape) - 2, getattr(owner, "groups", 1))


def places(small: Layout, whole: Layout) -> tuple[Place, ...] | None:
    """Which entries of a larger weight a smaller one is, for each axis; None where it is no part of it."""
    if len(small.parts) != len(whole.parts) or small.kernel != whole.kernel:
        return None
    if not small.parts:  # a single number
        return ()
    first = _grouped(small, whole)
    if first is None:
        return None
    found: list[Place] = []
    for axis, (few, many) in enumerate(zip(small.parts, whole.parts, strict=True)):
        place: Place | None
        if axis >= len(small.parts) - small.kernel:
            place = _middle(few[0], many[0])
        else:
            place = _leading(*(first if axis == 0 else (few, many)))
        if place is None:
            return None
        found.append(place)
    return tuple(found)


def _grouped(small: Layout, whole: Layout) -> tuple[Parts, Parts] | None:
    """The parts of the first axis of two weights, of which a grouped convolution has one a group; None: no match."""
    few, many = small.parts[0], whole.parts[0]
    if small.groups == whole.groups:
        if small.groups > 1:
            return (sum(few) // small.groups,) * small.groups, (sum(many) // whole.groups,) * whole.groups
        return few, many
    same = sum(few) * whole.groups == sum(many) * small.groups  # as many outputs in each group
    inputs = [layout.parts[1] for layout in (small, whole) if len(layout.parts) > 1]
    return (few, many) if same and (not inputs or inputs[0] == inputs[1]) else None


def _middle(few: int, many: int) -> slice | None:
    border, odd = divmod(many - few, 2)
    return None if few > many or odd else slice(border, border + few)


def _leading(few: Parts, many: Parts) -> Place | None:
    if len(few) > len(many) or any(n > m for n, m in zip(few, many, strict=False)):
        return None
    starts = [sum(many[:i]) for i in range(len(few))]
    runs = [range(start, start + n) for start, n in zip(starts, few, strict=True)]
    if all(run.stop == other.start for run, other in pairwise(runs)):
        return slice(0, sum(few))
    return torch.tensor([i for run in runs for i in run])


def part_of(weight: torch.Tensor, found: Sequence[Place]) -> torch.Tensor:
    """The entries of a larger weight at ``places``, with their gradient."""
    part = weight[tuple(p if isinstance(p, slice) else slice(None) for p in found)]
    for axis, place in enumerate(found):
        if not isinstance(place, slice):
            part = part.index_select(axis, place.to(part.device))
    return part


def indicator(place: Place, length: int) -> torch.Tensor:
    """(length,): one where an entry of an axis is at ``place``, else zero."""
    found = torch.zeros(length)
    index: Any = place
    found[index] = 1.0
    return found
