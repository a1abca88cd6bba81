"""Which features of different branches are computed together: those made in the same way and used in the same way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence

from nas.supernet.fused.linear import Feature, Linear, Term

#: channels up to which a smaller window is widened with zeros to join larger ones
FEW = 8
#: channels of an edge up to which features with different readers are one tensor, of which each reads a part
NARROW = 16


def features_of(values: Iterable[Linear]) -> list[Feature]:
    """All features that values depend on, each after those that it depends on; the input first."""
    found: dict[Feature, None] = {}

    def visit(value: Linear) -> None:
        for term in value.terms:
            if term.base in found:
                continue
            for operand in term.base.operands:
                visit(operand)
            found[term.base] = None

    for value in values:
        visit(value)
    return sorted(found, key=lambda feature: feature.level)


def shape_of(term: Term) -> tuple[Hashable, ...]:
    """What two terms must have in common to be one convolution: the window, except for the size where it is cheap."""
    if term.kernel is None:
        return ("itself", term.factor)
    window = term.kernel.window
    if window.keeps_size and term.base.channels <= FEW:
        return ("any size", window.dilation, term.kernel.groups)
    return ("window", window, term.kernel.groups)


class _Numbers:
    """Gives equal descriptions equal numbers."""

    def __init__(self) -> None:
        self._known: dict[Hashable, int] = {}

    def __call__(self, description: Hashable) -> int:
        return self._known.setdefault(description, len(self._known))


def buckets_of(features: Sequence[Feature], outputs: Sequence[Linear]) -> list[list[Feature]]:
    """Features by what can be computed together.

    Args:
        features: In order of their levels.
        outputs: What is made of them in the end.

    Returns:
        Lists of features of one level, function and shape, which are read by equal readers.
    """
    number = _Numbers()
    made: dict[Feature, int] = {}
    for feature in features:
        made[feature] = number((_made(feature, made), id(feature) if feature.shared else 0))
    readers: dict[Feature, list[Hashable]] = defaultdict(list)
    for value in outputs:
        for term in value.terms:
            readers[term.base].append(("output", shape_of(term)))
    used: dict[Feature, int] = {}
    for feature in reversed(features):
        used[feature] = number(tuple(sorted(map(number, readers[feature]))))
        for place, operand in enumerate(feature.operands):
            for term in operand.terms:
                readers[term.base].append((made[feature], used[feature], place, shape_of(term)))
    channels: dict[int, int] = defaultdict(int)
    for feature in features:
        channels[made[feature]] += feature.channels
    groups: dict[Hashable, list[Feature]] = defaultdict(list)
    for feature in features:
        narrow = channels[made[feature]] <= NARROW
        groups[made[feature], None if narrow else used[feature]].append(feature)
    return sorted(groups.values(), key=lambda group: group[0].level)


def _made(feature: Feature, made: dict[Feature, int]) -> Hashable:
    operands = []
    for operand in feature.operands:
        terms = sorted((made[t.base], repr(shape_of(t))) for t in operand.terms)
        operands.append((tuple(terms), operand.bias is None, operand.constant))
    return (feature.function.key, feature.channels, feature.level, tuple(operands))
