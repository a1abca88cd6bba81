"""Cells as points of a space of format 2: which edges live, which chains are equal, how many cells there are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations, product

from nas.space.blocks import BLOCKS, CHAIN
from nas.space.build import Cell

#: combinations of kept edges up to this number are counted one by one
COUNTED = 200_000

Indices = tuple[int, ...]


def selectable(cell: Cell) -> list[tuple[str, ...]]:
    """For each edge the blocks that can be chosen: all candidates but those that return zero."""
    return [tuple(n for n in e.candidates if not BLOCKS[cell.role_of(e)].traits(n).zero) for e in cell.edges]


def kept_sets(cell: Cell) -> dict[int, tuple[tuple[int, ...], ...]]:
    """For each node that keeps fewer edges than enter it, the sets of nodes that it may keep, in order."""
    if cell.keep is None:
        return {}
    found = {}
    for node in range(1, cell.nodes + 1):
        sources = [e.source for e in cell.edges if e.target == node]
        if len(sources) > cell.keep:
            found[node] = tuple(combinations(sources, cell.keep))
    return found


def live_edges(cell: Cell, kept: Sequence[int]) -> list[bool]:
    """Which edges a network has, with the chosen set of every node of ``kept_sets``.

    Of an operation cell all nodes leave, of another one only the last: what leads nowhere is left out.
    """
    sets = kept_sets(cell)
    chosen = {node: options[i] for (node, options), i in zip(sets.items(), kept, strict=True)}
    live = [e.target not in chosen or e.source in chosen[e.target] for e in cell.edges]
    if cell.role in ("operation", CHAIN):
        return live
    used = {cell.nodes}
    for edge, alive in sorted(zip(cell.edges, live, strict=True), key=lambda pair: -pair[0].target):
        if alive and edge.target in used:
            used.add(edge.source)
    return [alive and e.target in used for e, alive in zip(cell.edges, live, strict=True)]


def canonical_cell(cell: Cell, blocks: Sequence[int], kept: Sequence[int]) -> tuple[Indices, Indices]:
    """Indices of blocks and kept sets in the form that stands for all which give the same cell."""
    if cell.role == CHAIN:
        return _canonical_chain(cell, blocks), ()
    live = live_edges(cell, kept)
    nodes = {e.target for e, alive in zip(cell.edges, live, strict=True) if alive}
    sets = tuple(i if node in nodes else 0 for node, i in zip(kept_sets(cell), kept, strict=True))
    return tuple(i if alive else 0 for i, alive in zip(blocks, live, strict=True)), sets


def _identity(cell: Cell, edge: int, name: str) -> bool:
    return BLOCKS[cell.role_of(cell.edges[edge])].traits(name).identity


def _canonical_chain(cell: Cell, blocks: Sequence[int]) -> Indices:
    """Every block in the first slot that can hold it, identities behind."""
    names = selectable(cell)
    chosen = [names[e][i] for e, i in enumerate(blocks)]
    sequence = [n for e, n in enumerate(chosen) if not _identity(cell, e, n)]
    placed = _place(cell, names, sequence, 0)
    assert placed is not None  # the given chain is one way
    return tuple(placed)


def _place(cell: Cell, names: Sequence[tuple[str, ...]], sequence: Sequence[str], slot: int) -> list[int] | None:
    if slot == len(names):
        return [] if not sequence else None
    if sequence and sequence[0] in names[slot]:
        rest = _place(cell, names, sequence[1:], slot + 1)
        if rest is not None:
            return [names[slot].index(sequence[0]), *rest]
    for i, name in enumerate(names[slot]):
        if _identity(cell, slot, name):
            rest = _place(cell, names, sequence, slot + 1)
            return None if rest is None else [i, *rest]
    return None


def count_cell(cell: Cell) -> tuple[int, bool]:
    """How many different cells there are.

    Returns:
        The number, and whether it is exact; else cells that are equal may be counted several times.
    """
    names = selectable(cell)
    if cell.role == CHAIN:
        return _count_chain(cell, names), True
    sizes = [len(n) for n in names]
    options = [range(len(sets)) for sets in kept_sets(cell).values()]
    if math.prod(map(len, options)) > COUNTED:
        return math.prod(sizes) * math.prod(map(len, options)), False
    living = {tuple(live_edges(cell, kept)) for kept in product(*options)}
    return sum(math.prod(n for n, alive in zip(sizes, live, strict=True) if alive) for live in living), True


def _count_chain(cell: Cell, names: Sequence[tuple[str, ...]]) -> int:
    """The number of different sequences of blocks without identities.

    Slots are states of an automaton that reads a sequence; sets of states that sequences of one length reach are
    followed together, so that no sequence is counted twice.
    """
    may_skip = [any(_identity(cell, e, n) for n in found) for e, found in enumerate(names)]
    takes = [{n for n in found if not _identity(cell, e, n)} for e, found in enumerate(names)]
    alphabet = set().union(*takes)

    def closed(states: set[int]) -> frozenset[int]:
        found = set(states)
        for state in range(len(names)):
            if state in found and may_skip[state]:
                found.add(state + 1)
        return frozenset(found)

    layer, total = {closed({0}): 1}, 0
    while layer:
        total += sum(count for states, count in layer.items() if len(names) in states)
        following: dict[frozenset[int], int] = {}
        for states, count in layer.items():
            for symbol in alphabet:
                reached = {s + 1 for s in states if s < len(names) and symbol in takes[s]}
                if reached:
                    key = closed(reached)
                    following[key] = following.get(key, 0) + count
        layer = following
    return total
