"""Which weights the networks of a space have, by building networks until every candidate was seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from nas.errors import UsageError
from nas.models.calling import descriptor_of
from nas.models.sharing import Layout, layouts, places
from nas.space import Decision, Space
from nas.space.blocks import BLOCKS, SKELETONS
from nas.space.genotype import Choice
from nas.space.open_cells import kept_sets, live_edges

if TYPE_CHECKING:
    from nas.space.open_space import OpenSpace

Vector = tuple[int, ...]
#: combinations of settings without order, and of kept edges, that are looked at
COMBINATIONS = 256


def unseeded(make: Callable[[], nn.Module]) -> nn.Module:
    """What ``make`` makes; the random numbers that it uses up do not count."""
    with torch.random.fork_rng(devices=[]):
        return make()


class Survey:
    """The weights of all networks of a space.

    Args:
        space: The space.
        task: What its networks are for.

    Attributes:
        whole: Name by places -> layout in the networks of the largest sizes, of which all others are parts.
        donors: Name by places -> a vector whose network has the whole weight.
        min_size: Smallest side of an input that every network takes, in pixels.

    Raises:
        UsageError: The weights of smaller networks are no parts of those of larger ones.
    """

    def __init__(self, space: OpenSpace, task: Any) -> None:
        refuse_unsliceable(space)
        self.space, self.task = space, task
        self.whole: dict[str, Layout] = {}
        self.donors: dict[str, Vector] = {}
        self.min_size = 1
        heads = largest_heads(space)
        rest = list(_rests(space, heads[0]))
        for head in heads:
            for tail in rest if head == heads[0] else rest[:1]:
                self._add((*head, *tail))
        for i, head in _smaller_heads(space, heads[0]):
            for tail in rest:
                self._compare((*head, *tail), space.decisions[i], head[i])

    def _layouts(self, vector: Vector) -> dict[str, Layout]:
        network = unseeded(lambda: self.space.network(self.space.decode(vector), self.task))
        self.min_size = max(self.min_size, descriptor_of(network).min_size)
        refuse_statistics(network, self.space)
        found = dict(layouts(network).values())
        if len(found) < len(layouts(network)):
            raise UsageError(
                f"two weights of skeleton {self.space.skeleton!r} have one place in a network of space "
                f"{self.space.name!r}; give their modules different places (nas.models.sharing.at_place)"
            )
        return found

    def _add(self, vector: Vector) -> None:
        for name, layout in self._layouts(vector).items():
            known = self.whole.setdefault(name, layout)
            self.donors.setdefault(name, vector)
            if known != layout:
                raise UsageError(
                    f"the weight {name!r} of space {self.space.name!r} has the sizes {known.shape} and {layout.shape} "
                    "in networks of equal width and depth; give its modules different places "
                    "(nas.models.sharing.at_place), or use a strategy that proposes whole genotypes"
                )

    def _compare(self, vector: Vector, decision: Decision, choice: int) -> None:
        for name, layout in self._layouts(vector).items():
            if name not in self.whole or places(layout, self.whole[name]) is None:
                raise no_part(self.space, decision, choice, name)


def no_part(space: OpenSpace, decision: Decision, choice: int, name: str) -> UsageError:
    """The error for a weight of a smaller network that is no part of the largest one's."""
    return UsageError(
        f"space {space.name!r} cannot share weights over {decision.name}: {name!r} with {decision.choices[choice]} is "
        f"no part of what {decision.choices[-1]} has (skeleton {space.skeleton!r}); {space.mend(decision)}, or use a "
        "strategy that proposes whole genotypes"
    )


def refuse_unsliceable(space: OpenSpace) -> None:
    """Raise a UsageError where the skeleton or a candidate says that it cannot share weights over sizes."""
    if not getattr(SKELETONS.get(space.skeleton), "sliceable", True):
        raise UsageError(
            f"the skeleton {space.skeleton!r} of space {space.name!r} cannot share weights over sizes; use a strategy "
            "that proposes whole genotypes, such as --strategy evolution"
        )
    sized = next((d for d in space.decisions if d.kind == "ordered"), None)
    for cell in space.cells.values() if sized is not None else ():
        for edge in cell.edges:
            for block in edge.candidates:
                if sized is not None and not BLOCKS[cell.role_of(edge)].traits(block).sliceable:
                    raise UsageError(
                        f"block {block!r} cannot share weights over sizes, and {sized.name} of space {space.name!r} is "
                        f"open; drop the block, or {space.mend(sized)}, or use a strategy that proposes whole genotypes"
                    )


def refuse_statistics(network: nn.Module, space: Space) -> None:
    """Raise a UsageError for a layer that keeps statistics of its inputs, which differ from size to size."""
    for name, module in network.named_modules():
        if getattr(module, "track_running_stats", False):
            raise UsageError(
                f"the layer {name!r} of a network of space {space.name!r} keeps statistics of its inputs, which sizes "
                "cannot share; use another norm, or a strategy that proposes whole genotypes"
            )


def settings_count(space: Space) -> int:
    """How many of the first decisions are about settings."""
    return len(space.open_settings)


def largest_heads(space: Space) -> list[Vector]:
    """Choices of the settings: every number at its largest, with each combination of what has no order."""
    options = [[len(d.choices) - 1] if d.kind == "ordered" else range(len(d.choices)) for d in space.open_settings]
    return [head for head, _ in zip(product(*options), range(COMBINATIONS), strict=False)]


def _smaller_heads(space: Space, largest: Vector) -> Iterator[tuple[int, Vector]]:
    """The number of a setting, and choices of which that one alone is the smallest instead of the largest."""
    for i, decision in enumerate(space.open_settings):
        if decision.kind == "ordered" and len(decision.choices) > 1:
            yield i, (*largest[:i], 0, *largest[i + 1 :])


def _rests(space: Space, head: Vector) -> Iterator[Vector]:
    """Choices of blocks and kept edges in which every candidate of every edge is in a network at least once.

    A chain moves blocks to the front where others are left out, so that beside the candidates of all edges in turn
    there are those of each edge among blocks that stay.
    """
    decisions = space.decisions[settings_count(space) :]
    blocks = [i for i, d in enumerate(decisions) if d.kind == "block"]
    kept = list(_kept(space, decisions))
    tried = [
        tuple(k % len(d.choices) if d.kind == "block" else n for d, n in zip(decisions, sets, strict=True))
        for sets in kept
        for k in range(max((len(decisions[i].choices) for i in blocks), default=1))
    ]
    firm = [_firm(d) if d.kind == "block" else n for d, n in zip(decisions, kept[0], strict=True)]
    tried += [(*firm[:i], k, *firm[i + 1 :]) for i in blocks for k in range(len(decisions[i].choices))]
    seen: set[tuple[str, Choice]] = set()
    for number, rest in enumerate(tried):
        cells = space.decode((*head, *rest)).cells
        found = {(name, choice) for name, choices in cells.items() for choice in choices}
        if number == 0 or found - seen:
            seen |= found
            yield rest


def _firm(decision: Decision) -> int:
    traits = BLOCKS[decision.role].traits
    return next((k for k, name in enumerate(decision.choices) if not traits(name).identity), 0)


def _kept(space: Space, decisions: Sequence[Decision]) -> Iterator[Vector]:
    """Choices of kept edges (blocks at 0), until every edge was in a network that can be in one."""
    kinds = space.positions()[0]
    numbers = {(kind, node): len(sets) for kind, cell in kinds.items() for node, sets in kept_sets(cell).items()}
    missing = {(kind, e.source, e.target) for kind, cell in kinds.items() for e in cell.edges}
    first = True
    for combination in product(*(range(n) for n in numbers.values())):
        chosen = dict(zip(numbers, combination, strict=True))
        alive = set()
        for kind, cell in kinds.items():
            live = live_edges(cell, [chosen[kind, node] for node in kept_sets(cell)])
            alive |= {(kind, e.source, e.target) for e, on in zip(cell.edges, live, strict=True) if on}
        if first or alive & missing:
            first, missing = False, missing - alive
            yield tuple(
                chosen.get((d.cell.partition(".")[0], d.target), 0) if d.kind == "edges" else 0 for d in decisions
            )
        if not missing:
            return
