"""Sizes as mixtures: which entries of the largest weights each choice of a setting keeps, and which modules it has."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from nas.models.sharing import Layout, Place, indicator, layouts, module_places, places
from nas.supernet.elastic.survey import no_part, refuse_statistics
from nas.supernet.supernet import Supernet

if TYPE_CHECKING:
    from nas.space.open_space import OpenSpace

#: of one setting: axis of a weight -> (K, length), one where the choice keeps the entry
Axes = dict[int, Tensor]


#: the direction of a weight, which torch's weight norm keeps apart from its length; outputs are masked by the length
#: alone, since a direction of length zero has no norm to be divided by
DIRECTION = "parametrizations.weight.original1"


class Masks(nn.Module):
    """For every weight of the largest module the mask, and for every module that a smaller depth lacks the gate.

    A width keeps leading channels and a kernel its middle, so that with probabilities p the weight W becomes
    W * sum_k p_k M_k (FBNetV2, Wan et al., CVPR 2020, section 3.2; Single-Path NAS, Stamoulis et al., 2019). The masks
    of several settings multiply. A module that smaller choices lack computes x + g * (module(x) - x), g the probability
    of having it.

    Args:
        space: The space.
        largest: The module of the largest sizes.
        smaller: From (number of a setting, its choice) to the module of that size.

    Raises:
        UsageError: A weight of a smaller module is no part of the largest one's.
    """

    def __init__(self, space: OpenSpace, largest: nn.Module, smaller: Callable[[int, int], nn.Module]) -> None:
        super().__init__()
        refuse_statistics(largest, space)
        own = _weight_layouts(largest)
        whole = dict(own.values())
        modules = {place: name for name, place in module_places(largest).items()}
        found: dict[str, dict[int, Axes]] = {name: {} for name in own}
        lacking: dict[str, dict[int, list[float]]] = {}
        for i, decision in enumerate(space.open_settings):
            chosen = []
            absent = []
            for k in range(len(decision.choices)):
                module = largest if k == len(decision.choices) - 1 else smaller(i, k)
                parts = _parts(space, i, k, dict(_weight_layouts(module).values()), whole)
                chosen.append(parts)
                absent.append(_topmost(set(modules) - set(module_places(module).values())))
            for place in set().union(*absent):
                lacking.setdefault(modules[place], {})[i] = [0.0 if place in gone else 1.0 for gone in absent]
            gated = set().union(*absent)
            for name, (key, layout) in own.items():
                if not any(key.startswith(f"{place}.") for place in gated):
                    axes = _tables([parts.get(key) for parts in chosen], layout)
                    if name.endswith(DIRECTION):
                        axes.pop(0, None)
                    if axes:
                        found[name][i] = axes
        self._gates = lacking
        self._pattern: dict[str, int] = {}
        self._patterns: list[dict[int, dict[int, str]]] = []
        self._remember(found)

    def _remember(self, found: Mapping[str, dict[int, Axes]]) -> None:
        """Keep every table, and every combination of tables, once: most weights have the same few."""
        tables: dict[tuple[object, ...], str] = {}
        patterns: dict[str, int] = {}
        for name, settings in found.items():
            if not settings:
                continue
            named = {i: {axis: self._table(tables, table) for axis, table in a.items()} for i, a in settings.items()}
            ranks = {i: max(axes) for i, axes in named.items()}
            self._pattern[name] = patterns.setdefault(f"{named} {ranks}", len(patterns))
            if len(patterns) > len(self._patterns):
                self._patterns.append(named)

    def _table(self, tables: dict[tuple[object, ...], str], table: Tensor) -> str:
        key = (tuple(table.shape), table.numpy().tobytes())
        if key not in tables:
            tables[key] = f"table{len(tables)}"
            self.register_buffer(tables[key], table, persistent=False)
        return tables[key]

    def masked(self, weights: Mapping[str, Tensor], shares: Sequence[Tensor]) -> dict[str, Tensor]:
        """The weights under their masks.

        Args:
            weights: Of the largest module, by name.
            shares: For each setting the weights of its choices (K,), with sum 1.
        """
        made: dict[tuple[int, int], Tensor] = {}
        found = {}
        for name, weight in weights.items():
            number = self._pattern.get(name)
            if number is None:
                found[name] = weight
                continue
            key = (number, weight.ndim)
            if key not in made:
                made[key] = self._mask(self._patterns[number], weight.ndim, shares)
            found[name] = weight * made[key].to(weight.dtype)
        return found

    def _mask(self, pattern: Mapping[int, Mapping[int, str]], ndim: int, shares: Sequence[Tensor]) -> Tensor:
        mask: Tensor | None = None
        for i, axes in pattern.items():
            part = shares[i].view(-1, *([1] * ndim))
            for axis, name in axes.items():
                table = self.get_buffer(name)
                shape = [len(table), *([1] * ndim)]
                shape[axis + 1] = table.shape[1]
                part = part * table.view(shape)
            summed = part.sum(dim=0)
            mask = summed if mask is None else mask * summed
        assert mask is not None  # a pattern has at least one setting
        return mask

    def gates(self, shares: Sequence[Tensor]) -> dict[str, Tensor]:
        """For each module that a choice lacks, by its name in the largest one: the probability of having it."""
        return {name: _product(has, shares) for name, has in self._gates.items()}


def _product(has: Mapping[int, Sequence[float]], shares: Sequence[Tensor]) -> Tensor:
    gate: Tensor | None = None
    for i, present in has.items():
        share = (shares[i] * shares[i].new_tensor(present)).sum()
        gate = share if gate is None else gate * share
    assert gate is not None
    return gate


def _weight_layouts(module: nn.Module) -> dict[str, tuple[str, Layout]]:
    """``layouts`` without architecture variables."""
    architecture = set(module.arch_parameter_names()) if isinstance(module, Supernet) else set()
    return {name: found for name, found in layouts(module).items() if name not in architecture}


def _parts(
    space: OpenSpace, setting: int, choice: int, found: Mapping[str, Layout], whole: Mapping[str, Layout]
) -> dict[str, tuple[Place, ...]]:
    parts = {}
    for key, layout in found.items():
        place = places(layout, whole[key]) if key in whole else None
        if place is None:
            raise no_part(space, space.open_settings[setting], choice, key)
        parts[key] = place
    return parts


def _topmost(absent: set[str]) -> set[str]:
    return {place for place in absent if not any(place.startswith(f"{other}.") for other in absent)}


def _tables(parts: Sequence[tuple[Place, ...] | None], layout: Layout) -> Axes:
    """For each axis of which not every choice keeps all entries: what each choice keeps."""
    axes = {}
    for axis, length in enumerate(layout.shape):
        rows = [torch.zeros(length) if part is None else indicator(part[axis], length) for part in parts]
        if not all(bool(row.all()) for row in rows):
            axes[axis] = torch.stack(rows)
    return axes
