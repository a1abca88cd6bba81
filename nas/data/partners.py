"""Which degraded image belongs to which clean one, by their names."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from nas.data.places import Placed


@dataclass
class Matched:
    """The result of ``match``.

    Attributes:
        pairs: (clean, degraded), in the order of the degraded images; a clean image may stand in several.
        lonely_clean: Clean images without a partner.
        lonely_degraded: Degraded images without a partner.
        twins: Images of one folder that share a name but for its ending; they are in none of the other lists.
    """

    pairs: list[tuple[Placed, Placed]] = field(default_factory=list)
    lonely_clean: list[Placed] = field(default_factory=list)
    lonely_degraded: list[Placed] = field(default_factory=list)
    twins: list[list[Placed]] = field(default_factory=list)


def match(clean: Sequence[Placed], degraded: Sequence[Placed]) -> Matched:
    """Pair images by name.

    In turn: equal names; names that are equal but for what tells the side or the scale (``baby_GT`` and ``baby_LR``,
    ``0001`` and ``0001x2``, ``norain-1`` and ``rain-1``); and the degraded image's name shortened at its underscores
    (``0025_0.8_0.1`` belongs to ``0025``). A shortened name matches only a clean image that no other image owns by one
    of the first two ways. A name that fits several clean images fits none.
    """
    found = Matched()
    clean, degraded = (_without_twins(rows, found) for rows in (clean, degraded))
    by_key = _index(clean, lambda r: r.key)
    by_core = _index(clean, lambda r: r.core)
    owner: dict[Placed, Placed] = {}
    pending = []
    for row in degraded:
        target = _only(by_key, row.key) or _only(by_key, row.core) or _only(by_core, row.core)
        if target is None:
            pending.append(row)
        else:
            owner[row] = target
    exact = {owner[r] for r in owner if r.key == owner[r].key}
    for row in list(owner):  # 0001x2 beside 0001 is not the partner of the clean 0001 that 0001 owns
        if owner[row] in exact and row.key != owner[row].key:
            pending.append(row)
            del owner[row]
    owned = set(owner.values())
    for row in pending:
        names = _shortened(row.key) + _shortened(row.core)
        targets = (_only(by_key, name) or _only(by_core, name) for name in names)
        target = next((t for t in targets if t is not None), None)
        if target is None or target in owned:
            found.lonely_degraded.append(row)
        else:
            owner[row] = target
    found.pairs = [(owner[row], row) for row in degraded if row in owner]
    used = set(owner.values())
    found.lonely_clean = [row for row in clean if row not in used]
    return found


def twins_of(rows: Sequence[Placed]) -> list[list[Placed]]:
    """Images that share folder and name but for the ending, so that results of one would replace those of the other."""
    names = _index(rows, lambda r: r.rel)
    return [found for found in names.values() if len(found) > 1]


def _without_twins(rows: Sequence[Placed], found: Matched) -> list[Placed]:
    twins = twins_of(rows)
    found.twins += twins
    left_out = {row for group in twins for row in group}
    return [row for row in rows if row not in left_out]


def _index(rows: Sequence[Placed], name: Callable[[Placed], str]) -> dict[str, list[Placed]]:
    index: dict[str, list[Placed]] = defaultdict(list)
    for row in rows:
        index[name(row)].append(row)
    return index


def _only(index: dict[str, list[Placed]], name: str) -> Placed | None:
    found = index.get(name, ())
    return found[0] if len(found) == 1 else None


def _shortened(key: str) -> list[str]:
    """The names that a name may be the long form of, longest first."""
    folder, slash, stem = key.rpartition("/")
    names = [re.sub(r"^\w+-", "", stem)] if "-" in stem else []
    while "_" in stem:
        stem = stem.rsplit("_", 1)[0]
        names.append(stem)
    return [folder + slash + name for name in names if name]
