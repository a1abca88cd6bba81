"""Splitting a set of images into parts that share nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from nas.data.pairs import Pair
from nas.errors import UsageError
from nas.files import resolved

#: the search of JSNet: half the images train weights, most of the rest architecture parameters
SEARCH_PARTS: Mapping[str, float] = {"weights": 0.5, "architecture": 0.4, "validation": 0.1}

#: the end of the name of a piece
_PIECE = re.compile(r"(.+)_s\d{3,}")


def split_pairs(
    pairs: Sequence[Pair], seed: int = 0, parts: Mapping[str, float] = SEARCH_PARTS
) -> dict[str, list[Pair]]:
    """Split a set into parts that share no picture, each with at least one image.

    Pairs with the same clean image (one scene in several degradations, one file under several links) stay together, and
    so do the pieces of one picture, with that picture itself: those that ``prepare_folder`` cut, and those whose names
    end in ``_s001``, ``_s002`` ... as it and BasicSR name them. Where there are such pieces, sizes are counted
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
    sources = {pair.source for pair in pairs if pair.source} | {_cut_from(p) for p in map(_file, pairs)} - {""}
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
    if pair.source:
        return pair.source
    file = _file(pair)
    cut_from = _cut_from(file)
    if cut_from:
        return cut_from
    return str(file.with_suffix("")) if str(file.with_suffix("")) in sources else str(file)


def _file(pair: Pair) -> Path:
    return resolved(pair.target)


def _cut_from(file: Path) -> str:
    """The picture that a piece was cut from, by its name and without ending; "" for what is no piece."""
    piece = _PIECE.fullmatch(file.stem)
    return str(file.parent / piece[1]) if piece else ""


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
