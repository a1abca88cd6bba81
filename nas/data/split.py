"""Splitting a set of images into parts that share nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from nas.data.pairs import Pair
from nas.errors import UsageError

#: the search of JSNet: half the images train weights, most of the rest architecture parameters
SEARCH_PARTS: Mapping[str, float] = {"weights": 0.5, "architecture": 0.4, "validation": 0.1}


def split_pairs(
    pairs: Sequence[Pair], seed: int = 0, parts: Mapping[str, float] = SEARCH_PARTS
) -> dict[str, list[Pair]]:
    """Split a set into parts that share no picture, each with at least one image.

    Pairs with the same clean image (one scene in several degradations) stay together, and so do the pieces that
    ``prepare_folder`` cut from one picture, with that picture itself. Where there are such pieces, sizes are counted
    in pieces and met as nearly as whole pictures allow.

    Args:
        pairs: The set; its order does not count.
        seed: Of the random choice, which depends on this and on the names alone.
        parts: Name of each part -> its relative size.

    Returns:
        Name of each part -> its pairs, sorted by name.

    Raises:
        UsageError: There are fewer images, or pictures, than parts, or a size is not positive.
    """
    groups: dict[str, list[Pair]] = {}
    sources = {pair.source for pair in pairs if pair.source}
    for pair in sorted(pairs, key=lambda p: (p.name, str(p.target))):
        groups.setdefault(_origin(pair, sources), []).append(pair)
    if any(share <= 0 for share in parts.values()) or not parts:
        raise UsageError(f"parts {dict(parts)} need positive shares")
    in_pieces = len(groups) < len({pair.target for pair in pairs})
    if len(groups) < len(parts):
        names = ", ".join(parts)
        if in_pieces:
            pictures = f"{len(groups)} picture{'s' * (len(groups) > 1)}"
            raise UsageError(
                f"the pieces of {pictures} cannot be split into {len(parts)} parts ({names}) that share "
                "no picture; add pictures, or ask for fewer validation images"
            )
        raise UsageError(f"{len(groups)} images cannot be split into {len(parts)} parts ({names}); add images")
    order = [list(groups.values())[i] for i in np.random.default_rng([seed, 0x5917]).permutation(len(groups))]
    if in_pieces:
        chosen = _by_size(order, dict(zip(parts, _counts(len(pairs), list(parts.values())), strict=True)))
    else:
        chosen, start = {}, 0
        for name, count in zip(parts, _counts(len(groups), list(parts.values())), strict=True):
            chosen[name] = order[start : start + count]
            start += count
    return {name: sorted((p for group in chosen[name] for p in group), key=lambda p: p.name) for name in parts}


def _origin(pair: Pair, sources: set[str]) -> str:
    """What a pair shows: the picture it was cut from, or its clean image.

    Where pieces of that very picture are there too, the two have one name.
    """
    if pair.source or not sources:
        return pair.source or str(pair.target)
    resolved = str(pair.target.resolve())
    return resolved if resolved in sources else str(pair.target)


def _by_size(order: list[list[Pair]], wanted: dict[str, int]) -> dict[str, list[list[Pair]]]:
    """Groups for each part, at least one, with about ``wanted`` pairs in all; the largest part takes the rest.

    The small parts choose first, since one picture too many is much to them and little to the largest.
    """
    chosen: dict[str, list[list[Pair]]] = {}
    for behind, name in zip(range(len(wanted))[::-1], sorted(wanted, key=lambda n: wanted[n]), strict=True):
        taken: list[int] = []
        have = 0
        for index, group in enumerate(order):
            nearer = abs(have + len(group) - wanted[name]) < abs(have - wanted[name])
            if behind == 0 or (nearer and len(taken) < len(order) - behind):
                taken.append(index)
                have += len(group)
        taken = taken or [min(range(len(order)), key=lambda i: len(order[i]))]
        chosen[name] = [order[i] for i in taken]
        order = [group for i, group in enumerate(order) if i not in set(taken)]
    return chosen


def _counts(total: int, shares: list[float]) -> list[int]:
    """Whole numbers near ``shares``, at least 1 each, that add up to ``total`` (largest remainder)."""
    spare = total - len(shares)
    exact = [spare * s / sum(shares) for s in shares]
    counts = [int(e) for e in exact]
    by_rest = sorted(range(len(shares)), key=lambda i: (counts[i] - exact[i], i))
    for index in by_rest[: spare - sum(counts)]:
        counts[index] += 1
    return [c + 1 for c in counts]
