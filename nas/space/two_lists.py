"""The two-list form in which the JSNet release (Shen et al., Pattern Recognition 132, 2022) writes genotypes.

The release reads only the position of an entry and ignores the index beside the name, so that a list of the wrong
length is wired wrongly without a word; here both must agree.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import isqrt
from typing import Any, NamedTuple

from nas.errors import UsageError, did_you_mean
from nas.space.blocks import BLOCKS


class TwoLists(NamedTuple):
    """A genotype as lists of (block name, predecessor index) in the order of edges.

    Attributes:
        normal: The operation cell.
        attention: The attention cell.
    """

    normal: list[tuple[str, int]]
    attention: list[tuple[str, int]]


def edges_of_list(length: int) -> list[tuple[int, int]]:
    """(source, target) of each entry of a list of that length; of the next lower one if it is not triangular."""
    nodes = (isqrt(8 * length + 1) - 1) // 2
    return [(s, t) for t in range(1, nodes + 1) for s in range(t)]


def check_list(key: str, role: str, entries: Iterable[Any]) -> list[tuple[str, int]]:
    """Check one of the two lists.

    Args:
        key: What to call it in messages, "normal" or "attention".
        role: Role of its blocks, "operation" or "attention".
        entries: (block name, predecessor index) in the order of edges.

    Returns:
        The entries as pairs.

    Raises:
        UsageError: Any fault; the message names the entry.
    """
    if isinstance(entries, str | bytes) or not isinstance(entries, Iterable):
        raise UsageError(f"{key}: a list of (name, index) pairs is expected, got {type(entries).__name__}")
    registry = BLOCKS[role]
    pairs: list[tuple[str, int]] = []
    for i, entry in enumerate(entries):
        fits = isinstance(entry, list | tuple) and len(entry) == 2
        if not (fits and isinstance(entry[0], str) and type(entry[1]) is int):
            raise UsageError(f"{key}[{i}]: {entry!r} is not a pair (block name, predecessor index)")
        name, index = entry
        if name not in registry:
            raise UsageError(f"{key}[{i}]: unknown {registry.kind} {name!r}; {did_you_mean(name, registry.names())}")
        if registry.traits(name).zero:
            raise UsageError(f"{key}[{i}]: {name!r} returns zero and can never be selected; choose another block")
        pairs.append((name, index))
    wiring = edges_of_list(len(pairs))
    if len(wiring) != len(pairs):
        nodes = wiring[-1][1]
        raise UsageError(
            f"{key}: {len(pairs)} entries belong to no number of nodes; {nodes} nodes have {len(wiring)} "
            f"entries and {nodes + 1} have {len(wiring) + nodes + 1}"
        )
    for i, ((source, target), (_, index)) in enumerate(zip(wiring, pairs, strict=True)):
        if index != source:
            raise UsageError(
                f"{key}[{i}]: the predecessor is {index} but this entry feeds node {target} from node "
                f"{source}; entries are ordered by node, then predecessor"
            )
    return pairs
