"""The best genotype within hard limits, exactly: a multiple-choice knapsack with several weights.

maximise sum_e score[e][k_e] subject to sum_e cost[m][e][k_e] <= allowance[m] for every metric m
(Kellerer, Pferschy and Pisinger, Knapsack Problems, 2004, chapter 11), solved as a mixed-integer linear program by
HiGHS (``scipy.optimize.milp``). HiGHS works in floating point with tolerances, so that costs are passed in units in
which one unit is far larger than any tolerance, limits are passed slightly too wide, and what comes back is compared
with the limits exactly: a genotype that breaks one is excluded and the program solved again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import islice, product

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from nas.config.search import LimitSettings
from nas.errors import NasError
from nas.objectives.constraints import Constraints
from nas.objectives.costs import GenotypeCosts
from nas.space import Genotype, Space
from nas.supernet import Supernet
from nas.supernet.expected_cost import selectable_logits

FloatArray = NDArray[np.float64]
#: combinations of sizes that are listed, and of those how many of the most probable are looked at
LISTED, HEADS = 100_000, 64
#: genotypes that are made cheaper at random where none of those keeps the limits
REPAIRED = 16
#: largest number in a row of the program that is not passed as whole numbers
SPAN = 1e4
#: what the objective is scaled to: HiGHS ends within 1e-6 of the optimum
OBJECTIVE_SPAN = 1e6
#: to which HiGHS keeps a row
TOLERANCE = 1e-6
#: relative rounding of sums of measured times and of scores; counts are exact
ROUNDING = 1e-12


def best_within(supernet: Supernet, costs: GenotypeCosts, limits: LimitSettings) -> Genotype:
    """The genotype of largest summed log probability that keeps every limit.

    A limit that the unconstrained choice keeps leaves that choice, ``supernet.genotype()``. The weight of an edge
    (beta) multiplies all its candidates alike, so it changes no order and is left out.

    Args:
        supernet: its architecture variables give the log probabilities; it is not changed.
        costs: of the same space and task; with a latency table where ``limits.latency`` is set.
        limits: parameters, multiply-adds and milliseconds of the derived network; what is None is not limited.

    Returns:
        The optimum. Of equally likely genotypes it is the one with the fewest parameters, then the fewest
        multiply-adds, then the lowest latency, as far as these are limited.

    Raises:
        NasError: no genotype keeps the limits; the message has the smallest possible costs.
    """
    free = supernet.genotype()
    if costs.within(free, limits):
        return free
    if not supernet.space.additive:
        return _best_of_sizes(supernet, costs, limits)
    logits = selectable_logits(supernet)
    scores = [row.detach().double().cpu().numpy() for name in supernet.space.cells for row in logits[name]]
    return _solve_space(supernet.space, costs, limits, scores, ties=True)


def _best_of_sizes(supernet: Supernet, costs: GenotypeCosts, limits: LimitSettings) -> Genotype:
    """The most probable genotype within the limits among those of the ``HEADS`` most probable combinations of sizes.

    Of a space with kept edges, and where none of these keeps the limits, it is the most probable of ``REPAIRED``
    genotypes near the free choice, whose decisions were made cheaper in random order.
    """
    space, shares = supernet.space, [row.detach().double().log().tolist() for row in supernet.size_shares()]
    logits = selectable_logits(supernet)
    rows = {name: [r.detach().double().cpu().numpy() for r in logits[name]] for name in space.cells}
    rest = [0] * (len(space.decisions) - len(shares))
    found: list[tuple[float, Genotype]] = []
    for score, head in _heads(shares) if all(d.kind != "edges" for d in space.decisions) else ():
        most = sum(float(row.max()) for row in (r for table in rows.values() for r in table))
        if found and score + most <= found[0][0]:
            break
        settled = costs.settled(space.decode([*head, *rest]))
        inside = [row for name in settled.space.cells for row in rows[name]]
        try:
            best = _solve_space(settled.space, settled, limits, inside, ties=True)
        except NasError:  # no genotype of these sizes keeps the limits
            continue
        value = score + _log_probability(settled.space.encode(best), inside)
        found = sorted([*found, (value, space.decode([*head, *_space_tail(space, best)]))], key=lambda pair: -pair[0])[
            :1
        ]
    return found[0][1] if found else _repaired(supernet, costs, limits, shares, rows)


def _space_tail(space: Space, genotype: Genotype) -> Sequence[int]:
    """The part of a genotype's vector that is about blocks and kept edges."""
    return space.encode(genotype)[len(space.open_settings) :]


def _heads(shares: Sequence[Sequence[float]]) -> list[tuple[float, tuple[int, ...]]]:
    """Combinations of sizes with their log probability, the most probable first."""
    heads = islice(product(*(range(len(row)) for row in shares)), LISTED)
    scored = [(sum(row[k] for row, k in zip(shares, head, strict=True)), head) for head in heads]
    return sorted(scored, key=lambda pair: (-pair[0], pair[1]))[:HEADS]


def _log_probability(vector: Sequence[int], rows: Sequence[FloatArray]) -> float:
    return sum(float(row[k]) for row, k in zip(rows, vector, strict=True))


def _repaired(
    supernet: Supernet,
    costs: GenotypeCosts,
    limits: LimitSettings,
    shares: Sequence[Sequence[float]],
    rows: Mapping[str, Sequence[FloatArray]],
) -> Genotype:
    space = supernet.space
    constraints, rng = Constraints(space, costs, limits), np.random.default_rng(0)
    start = space.encode(supernet.genotype())
    tables: list[Sequence[float] | FloatArray] = [*shares]
    left = {name: iter(table) for name, table in rows.items()}
    tables += [
        next(left[d.cell]) if d.kind == "block" else [0.0] * len(d.choices) for d in space.decisions[len(shares) :]
    ]
    found = {space.canonical(constraints.another(start, (), lambda n: int(rng.integers(n)))) for _ in range(REPAIRED)}
    best = max(sorted(found), key=lambda v: sum(float(row[k]) for row, k in zip(tables, v, strict=True)))
    return space.decode(best)


def require_feasible(space: Space, costs: GenotypeCosts, limits: LimitSettings) -> None:
    """Check that at least one genotype of ``space`` keeps the limits.

    Raises:
        NasError: none does; the message has the smallest possible costs.
    """
    if not space.additive:
        Constraints(space, costs, limits)
        return
    _solve_space(space, costs, limits, [np.zeros(len(d.choices)) for d in space.decisions])


def random_within(space: Space, costs: GenotypeCosts, limits: LimitSettings, seed: int) -> Genotype:
    """A random genotype within the limits, however tight they are.

    It is the best one under independent Gumbel scores, one for each choice of each decision: every allowed genotype
    can be drawn, and without limits all are equally likely. Within limits the draw is not uniform. Where not blocks
    alone are open, it is a random genotype whose decisions are made cheaper until it keeps the limits.

    Args:
        space: the genotypes to draw from.
        costs: of the same space.
        limits: what the genotype has to keep.
        seed: the same seed gives the same genotype.

    Returns:
        A genotype within the limits.

    Raises:
        NasError: no genotype keeps the limits; the message has the smallest possible costs.
    """
    rng = np.random.default_rng(seed)
    if not space.additive:
        constraints = Constraints(space, costs, limits)
        return space.decode(constraints.another(space.encode(space.sample(rng)), (), lambda n: int(rng.integers(n))))
    return _solve_space(space, costs, limits, [rng.gumbel(size=len(d.choices)) for d in space.decisions])


def _solve_space(
    space: Space, costs: GenotypeCosts, limits: LimitSettings, scores: Sequence[FloatArray], ties: bool = False
) -> Genotype:
    bounds = costs.bounds(limits)
    tables = {m: costs.rows(m) for m in bounds}
    matrices = [
        np.array([[tables[m][i][block] for m in bounds] for block in decision.choices])
        for i, decision in enumerate(space.decisions)
    ]
    allowance = np.array([bound - costs.base(m) for m, bound in bounds.items()])

    def keeps(vector: Sequence[int]) -> bool:
        return costs.within(space.decode(vector), limits)

    found = solve(scores, matrices, allowance, keeps=keeps, ties=ties)
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


def solve(
    scores: Sequence[FloatArray],
    costs: Sequence[FloatArray],
    allowance: FloatArray,
    *,
    keeps: Callable[[Sequence[int]], bool] | None = None,
    ties: bool = True,
) -> list[int] | None:
    """The best choice of each edge.

    Args:
        scores: for each edge (K_e,), finite; larger is better.
        costs: for each edge (K_e, M); whole numbers are compared exactly.
        allowance: (M,), the limit of each summed cost.
        keeps: the exact test that the answer has to pass; None compares the sums with ``allowance``.
        ties: among optima of equal score, prefer the one of least first cost, then of least second cost, and so on
            (one more program for each cost).

    Returns:
        The index of the chosen entry of each edge, or None when nothing is within ``allowance``. Within an edge, the
        first of several entries that are equal in score and costs. The same arguments give the same answer.
    """
    kept = [_undominated(s, c) for s, c in zip(scores, costs, strict=True)]
    scores = [s[k] for s, k in zip(scores, kept, strict=True)]
    costs = [c[k] for c, k in zip(costs, kept, strict=True)]
    whole = [int(k[0]) for k in kept]

    def original(vector: Sequence[int]) -> list[int]:
        return [int(k[i]) for k, i in zip(kept, vector, strict=True)]

    def allowed(vector: Sequence[int]) -> bool:
        if keeps is not None:
            return keeps(original(vector))
        used = sum((c[i] for c, i in zip(costs, vector, strict=True)), np.zeros(len(allowance)))
        return bool((used <= allowance + ROUNDING * np.abs(allowance)).all())

    if not whole or all(len(k) == 1 for k in kept):
        return whole if allowed([0] * len(whole)) else None
    program = _Program([len(k) for k in kept])
    for m, limit in enumerate(allowance):
        if not program.limit([c[:, m] for c in costs], float(limit)):
            return None
    loss = [float(s.max()) - s for s in scores]
    found = program.least(loss, allowed)
    if found is None or not ties:
        return original(found) if found is not None else None
    return original(_cheapest_of_equals(program, found, scores, loss, costs, allowed))


def _cheapest_of_equals(
    program: _Program,
    found: list[int],
    scores: Sequence[FloatArray],
    loss: Sequence[FloatArray],
    costs: Sequence[FloatArray],
    allowed: Callable[[Sequence[int]], bool],
) -> list[int]:
    """Of all choices that score what ``found`` scores, that of least first cost, then least second cost, ..."""
    top = _total(scores, found)

    def as_good(vector: Sequence[int]) -> bool:
        return _total(scores, vector) >= top - ROUNDING * (1 + abs(top)) and allowed(vector)

    program.limit(loss, _total(loss, found) + ROUNDING * (1 + abs(top)))
    for m in range(costs[0].shape[1]):
        rows = [c[:, m] for c in costs]
        found = program.least(rows, as_good) or found
        program.limit(rows, _total(rows, found))
    return found


def _total(rows: Sequence[FloatArray], vector: Sequence[int]) -> float:
    return math.fsum(float(row[i]) for row, i in zip(rows, vector, strict=True))


def _undominated(scores: FloatArray, costs: FloatArray) -> NDArray[np.int64]:
    """Indices of the entries of one edge that no other one equals or beats in score and in every cost."""
    kept = []
    for k in range(len(scores)):
        as_good = (scores >= scores[k]) & (costs <= costs[k]).all(axis=1)
        better = (scores > scores[k]) | (costs < costs[k]).any(axis=1)
        if not (as_good & (better | (np.arange(len(scores)) < k))).any():
            kept.append(k)
    return np.array(kept, dtype=np.int64)


class _Program:
    """One binary variable for each entry of each edge, exactly one of each edge's set, and rows that limit sums.

    Args:
        sizes: how many entries each edge has.
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        self._sizes, self._starts = list(sizes), np.concatenate([[0], np.cumsum(sizes)])
        self._count = int(self._starts[-1])
        edges = np.repeat(np.arange(len(sizes)), sizes)
        one = sparse.csr_matrix(
            (np.ones(self._count), (edges, np.arange(self._count))), shape=(len(sizes), self._count)
        )
        self._rows = [LinearConstraint(one, 1, 1)]

    def limit(self, rows: Sequence[FloatArray], limit: float) -> bool:
        """Hold the sum of ``rows`` to at most ``limit``; False when no choice can."""
        above = np.concatenate([row - row.min() for row in rows])
        allowance = limit + ROUNDING * abs(limit) - math.fsum(float(row.min()) for row in rows)
        if allowance < 0:
            return False
        most = math.fsum(float(np.ptp(row)) for row in rows)
        if most <= allowance:
            return True  # no choice can break it
        scale = SPAN / float(above.max())
        if (above == np.floor(above)).all():
            unit = float(np.gcd.reduce(above.astype(np.int64)))
            # half a unit wider: far beyond the tolerances of HiGHS, and no sum of whole units falls between
            scale, allowance = min(1 / unit, scale), (math.floor(allowance / unit) + 0.5) * unit
        self._rows.append(LinearConstraint(scale * above[None, :], -np.inf, scale * allowance + TOLERANCE))
        return True

    def least(self, loss: Sequence[FloatArray], accept: Callable[[Sequence[int]], bool]) -> list[int] | None:
        """The choice of least summed ``loss`` that the exact test accepts, or None."""
        objective = np.concatenate([row - row.min() for row in loss])
        objective *= OBJECTIVE_SPAN / max(sum(float(np.ptp(row)) for row in loss), 1e-300)
        rows = list(self._rows)
        while True:
            result = milp(
                objective,
                constraints=rows,
                integrality=np.ones(self._count),
                bounds=Bounds(0, 1),
                options={"mip_rel_gap": 0.0},
            )
            if result.status == 2:  # infeasible
                return None
            if result.x is None or result.status != 0:
                raise NasError(f"the solver HiGHS found no best genotype within the limits: {result.message}")
            parts = np.split(result.x, self._starts[1:-1])
            found = [int(part.argmax()) for part in parts]
            if accept(found):
                return found
            excluded = np.zeros((1, self._count))
            excluded[0, self._starts[:-1] + np.array(found)] = 1.0
            rows.append(LinearConstraint(excluded, -np.inf, len(found) - 1))
