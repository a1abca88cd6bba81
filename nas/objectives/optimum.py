"""The best genotype within hard limits, exactly: a multiple-choice knapsack with several weights.

maximise sum_e score[e][k_e] subject to sum_e cost[m][e][k_e] <= room[m] for every metric m.

Edges are added one after the other to a set of partial choices. One is dropped when no completion can keep a limit,
when another one costs no more and scores no less, or when an upper bound on its completions (the Lagrangian
relaxation of what remains: Kellerer, Pferschy and Pisinger, Knapsack Problems, 2004, chapter 11) falls below a
genotype already known. None of the three loses the optimum.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nas.config.search import LimitSettings
from nas.errors import NasError
from nas.objectives.costs import GenotypeCosts
from nas.space import Genotype, Space
from nas.supernet import Supernet
from nas.supernet.expected_cost import selectable_logits

Array = NDArray[np.float64]
#: partial choices up to this number are compared pair by pair
PAIRWISE = 4000
#: relative rounding of sums of measured times; counts are exact
ROUNDING = 1e-12


def best_within(supernet: Supernet, costs: GenotypeCosts, limits: LimitSettings) -> Genotype:
    """The genotype of largest summed log probability that keeps every limit.

    Without a limit that bites it is ``supernet.genotype()``. A beta is a factor of a whole row, so it changes no
    order and is left out. Raises NasError when no genotype keeps the limits, with the smallest possible costs.
    """
    free = supernet.genotype()
    if costs.within(free, limits):
        return free
    space = supernet.space
    logits = {
        name: [row.detach().double().cpu().numpy() for row in r] for name, r in selectable_logits(supernet).items()
    }
    scores = [row for name in space.cells for row in logits[name]]
    return _solve_space(space, costs, limits, scores)


def require_feasible(space: Space, costs: GenotypeCosts, limits: LimitSettings) -> None:
    """Raise NasError when no genotype of ``space`` keeps the limits, with the smallest possible costs."""
    _solve_space(space, costs, limits, [np.zeros(len(d.choices)) for d in space.decisions])


def random_within(space: Space, costs: GenotypeCosts, limits: LimitSettings, seed: int) -> Genotype:
    """A random genotype within the limits, however tight: the best one under random scores (not uniform)."""
    rng = np.random.default_rng(seed)
    return _solve_space(space, costs, limits, [rng.gumbel(size=len(d.choices)) for d in space.decisions])


def _solve_space(space: Space, costs: GenotypeCosts, limits: LimitSettings, scores: Sequence[Array]) -> Genotype:
    bounds = costs.bounds(limits)
    tables = {m: [row for name in space.cells for row in costs.per_choice(m)[name]] for m in bounds}
    matrices = [
        np.array([[tables[m][i][block] for m in bounds] for block in decision.choices])
        for i, decision in enumerate(space.decisions)
    ]
    room = np.array([bound - costs.base(m) for m, bound in bounds.items()])
    found = solve(scores, matrices, room)
    if found is None:
        least = {m: costs.base(m) + sum(min(row.values()) for row in tables[m]) for m in bounds}
        told = ", ".join(f"{m} {least[m]:,.6g} (limit {bound:,.6g})" for m, bound in bounds.items())
        mend = "raise the limits, or use fewer cells or less width"
        if all(least[m] <= bound for m, bound in bounds.items()):
            raise NasError(
                f"no genotype of space {space.name!r} keeps all limits together, though each alone can be kept: the "
                f"smallest possible are {told}; {mend}"
            )
        raise NasError(f"no genotype of space {space.name!r} keeps the limits: the smallest possible {told}; {mend}")
    return space.decode(found)


def solve(scores: Sequence[Array], costs: Sequence[Array], room: Array) -> list[int] | None:
    """The best choice of each edge, or None when none is within ``room``.

    scores: for each edge (K_e,), larger is better, finite or very negative; costs: for each edge (K_e, M), at least
    0; room: (M,). Among equal optima the one found does not depend on anything but the arguments.
    """
    edges, metrics = len(scores), len(room)
    room = room + ROUNDING * np.abs(room)
    least = np.zeros((edges + 1, metrics))  # of the edges from i on
    for i in reversed(range(edges)):
        least[i] = least[i + 1] + costs[i].min(axis=0)
    if (least[0] > room).any():
        return None
    prices, known = _prices(scores, costs, room)
    rest = np.zeros(edges + 1)  # what the edges from i on can score net of prices
    for i in reversed(range(edges)):
        rest[i] = rest[i + 1] + (scores[i] - costs[i] @ prices).max()
    used, gained = np.zeros((1, metrics)), np.zeros(1)
    trail: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    for i in range(edges):
        width = len(scores[i])
        parent, choice = np.repeat(np.arange(len(gained)), width), np.tile(np.arange(width), len(gained))
        used, gained = used[parent] + costs[i][choice], gained[parent] + scores[i][choice]
        bound = gained + rest[i + 1] + (room - used) @ prices
        keep = np.flatnonzero((used + least[i + 1] <= room).all(axis=1) & (bound >= known - 1e-9 * (1 + abs(known))))
        keep = keep[_undominated(used[keep], gained[keep])]
        used, gained = used[keep], gained[keep]
        trail.append((parent[keep], choice[keep]))
        if not len(gained):
            return None
    at = int(gained.argmax())
    found = []
    for parent, choice in reversed(trail):
        found.append(int(choice[at]))
        at = int(parent[at])
    return found[::-1]


def _prices(scores: Sequence[Array], costs: Sequence[Array], room: Array) -> tuple[Array, float]:
    """Prices (M,) that make the Lagrangian bound tight, by subgradient steps, and the best feasible score met."""
    scale = np.maximum(sum((c.max(axis=0) - c.min(axis=0) for c in costs), np.zeros(len(room))), 1e-300)
    height = max(sum(float(np.ptp(s)) for s in scores), 1e-12)
    prices, best_prices, best_bound, known = np.zeros(len(room)), np.zeros(len(room)), np.inf, -np.inf
    for step in range(200):
        chosen = [int((s - c @ prices).argmax()) for s, c in zip(scores, costs, strict=True)]
        gained = float(sum(s[k] for s, k in zip(scores, chosen, strict=True)))
        slack = room - sum((c[k] for c, k in zip(costs, chosen, strict=True)), np.zeros(len(room)))
        if (slack >= 0).all():
            known = max(known, gained)
        bound = gained + float(slack @ prices)
        if bound < best_bound:
            best_bound, best_prices = bound, prices
        prices = np.maximum(prices - height / (1 + step) * slack / scale**2, 0.0)
    return best_prices, known


def _undominated(used: Array, gained: Array) -> NDArray[np.int64]:
    """Indices of the partial choices that no other one beats in every cost and in score."""
    # best score first, then cheapest
    order: NDArray[np.int64] = np.lexsort((*used.T[::-1], -gained)).astype(np.int64)
    if used.shape[1] == 1:
        cheapest = np.minimum.accumulate(used[order, 0])
        first = np.concatenate([[True], used[order[1:], 0] < cheapest[:-1]])
        kept_first: NDArray[np.int64] = order[first]
        return kept_first
    _, unique = np.unique(used[order], axis=0, return_index=True)
    order = order[np.sort(unique)]
    if len(order) > PAIRWISE:
        return order
    kept: list[int] = []
    table = np.empty((len(order), used.shape[1]))
    for index in order:
        n = len(kept)
        if not n or not (table[:n] <= used[index]).all(axis=1).any():
            table[n] = used[index]
            kept.append(int(index))
    return np.array(kept, dtype=np.int64)
