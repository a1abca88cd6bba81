"""Cutting a set of images into parts that share nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from nas.data.pairs import Pair
from nas.errors import UsageError

#: the search of JSNet: half the images train weights, most of the rest architecture parameters
SEARCH_PARTS: Mapping[str, float] = {"weights": 0.5, "architecture": 0.4, "validation": 0.1}


def split_pairs(
    pairs: Sequence[Pair], seed: int = 0, parts: Mapping[str, float] = SEARCH_PARTS
) -> dict[str, list[Pair]]:
    """Parts of the given relative sizes, disjoint by clean image, each with at least one image.

    Pairs with the same clean image (one scene in several degradations) stay together. The result depends on
    the names and the seed, not on the order given. Raises UsageError when there are fewer images than parts.
    """
    groups: dict[Path, list[Pair]] = {}
    for pair in sorted(pairs, key=lambda p: (p.name, str(p.target))):
        groups.setdefault(pair.target, []).append(pair)
    if any(share <= 0 for share in parts.values()) or not parts:
        raise UsageError(f"parts {dict(parts)} need positive shares")
    if len(groups) < len(parts):
        raise UsageError(
            f"{len(groups)} images cannot be split into {len(parts)} parts ({', '.join(parts)}); add images"
        )
    order = [list(groups.values())[i] for i in np.random.default_rng([seed, 0x5917]).permutation(len(groups))]
    counts = _counts(len(groups), list(parts.values()))
    result: dict[str, list[Pair]] = {}
    start = 0
    for name, count in zip(parts, counts, strict=True):
        result[name] = sorted((p for group in order[start : start + count] for p in group), key=lambda p: p.name)
        start += count
    return result


def _counts(total: int, shares: list[float]) -> list[int]:
    """Whole numbers near ``shares``, at least 1 each, that add up to ``total`` (largest remainder)."""
    spare = total - len(shares)
    exact = [spare * s / sum(shares) for s in shares]
    counts = [int(e) for e in exact]
    by_rest = sorted(range(len(shares)), key=lambda i: (counts[i] - exact[i], i))
    for index in by_rest[: spare - sum(counts)]:
        counts[index] += 1
    return [c + 1 for c in counts]
