"""What a search may move a decision to: one step of what is ordered, anything else of what is not."""

from __future__ import annotations

from nas.space.space import Decision
from nas.space.variants import base_name


def moves(decision: Decision, index: int) -> list[int]:
    """The choices that are one move away from a choice.

    Of an ordered setting they are its neighbours; of a flag, an option or kept edges all others. Of a block they are
    all other blocks (one with open parameters in the variant that is listed first) and the variants of the same block
    beside it in the list.
    """
    count = len(decision.choices)
    if decision.kind == "ordered":
        return [k for k in (index - 1, index + 1) if 0 <= k < count]
    if decision.kind != "block":
        return [k for k in range(count) if k != index]
    names = [base_name(name) for name in decision.choices]
    same = [k for k, name in enumerate(names) if name == names[index]]
    at = same.index(index)
    beside = {k for j in (at - 1, at + 1) if 0 <= j < len(same) for k in [same[j]]}
    first = {name: k for k, name in reversed(list(enumerate(names)))}
    return sorted(beside | {k for name, k in first.items() if name != names[index]})
