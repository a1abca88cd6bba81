"""What a supernet's architecture variables are expected to cost, sizes included; differentiable."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from math import prod

import torch
from torch import Tensor

from nas.objectives.costs import GenotypeCosts
from nas.supernet import Supernet
from nas.supernet.expected_cost import expected_cost

#: combinations of sizes up to this number are summed one by one
SUMMED = 64


def expected(supernet: Supernet, costs: GenotypeCosts, metric: str) -> Tensor:
    """The mean cost of a genotype that is drawn decision by decision.

    Where sizes are open it is the sum over their combinations s of p(s) * E[cost | s]. Of more than ``SUMMED``
    combinations, it is the expansion about the most probable one, s*:
    E[cost | s*] + sum over settings i and choices k of p_ik (E[cost | s* with s_i = k] - E[cost | s*]), which is exact
    for costs that are sums over settings and once the sizes are decided.

    Args:
        supernet: Whose variables give the probabilities.
        costs: Of its space.
        metric: "params", "macs" or "latency".

    Returns:
        A float64 scalar with gradient.
    """
    shares = [row.double() for row in supernet.size_shares()]

    def at(head: Sequence[int]) -> Tensor:
        settled = costs.settled(supernet.space.decode([*head, *[0] * (len(supernet.space.decisions) - len(head))]))
        return expected_cost(supernet, settled.base(metric), settled.per_choice(metric))

    if not shares:
        return expected_cost(supernet, costs.base(metric), costs.per_choice(metric))
    sizes = [len(row) for row in shares]
    if prod(sizes) <= SUMMED:
        heads = list(product(*map(range, sizes)))
        terms = [torch.stack([row[k] for row, k in zip(shares, head, strict=True)]).prod() * at(head) for head in heads]
        return torch.stack([t.to(terms[0].device) for t in terms]).sum()
    best = [int(row.argmax()) for row in shares]
    middle = at(best)
    return middle + torch.stack(list(_steps(shares, best, at, middle))).sum()


def _steps(shares: Sequence[Tensor], best: Sequence[int], at: object, middle: Tensor) -> Iterator[Tensor]:
    assert callable(at)
    for i, row in enumerate(shares):
        for k in range(len(row)):
            if k != best[i]:
                yield row[k] * (at([*best[:i], k, *best[i + 1 :]]) - middle)
