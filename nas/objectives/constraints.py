"""The hard limits of a search, for strategies that propose whole genotypes: what breaks one is never evaluated."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from itertools import product

from nas.config.search import LimitSettings
from nas.errors import NasError
from nas.objectives.costs import GenotypeCosts
from nas.space import Space

#: spaces up to this size are listed completely before one is said to be exhausted
ENUMERABLE = 100_000
#: mutations that are tried before that
MUTATIONS = 1000

Vector = tuple[int, ...]


class ExhaustedError(NasError):
    """No genotype is left to propose."""


class Constraints:
    """Which genotypes of a space a search may evaluate; without limits, all of them.

    Works on the vectors of ``Space.encode``. Where only blocks are open, costs are sums over decisions; otherwise they
    are those of the whole genotype.

    Args:
        space: The space that is searched.
        costs: What its genotypes cost; needed only where ``limits`` has a limit.
        limits: The largest allowed costs; None, or one without a value, allows everything.

    Raises:
        NasError: A limit lies below the cost of the cheapest genotype.
    """

    def __init__(self, space: Space, costs: GenotypeCosts | None = None, limits: LimitSettings | None = None) -> None:
        self.space = space
        self._sizes = [len(d.choices) for d in space.decisions]
        self._bounds: dict[str, float] = costs.bounds(limits) if costs is not None and limits is not None else {}
        self._bases: dict[str, float] = {}
        self._shares: dict[str, list[list[float]]] = {}
        self._count: int | None = None
        self._costs = costs
        self._whole: dict[Vector, dict[str, float]] = {}
        if not space.additive:
            self._check_least()
            return
        for metric in self._bounds:
            assert costs is not None
            self._bases[metric] = costs.base(metric)
            self._shares[metric] = [
                [row[block] for block in decision.choices]
                for decision, row in zip(space.decisions, costs.rows(metric), strict=True)
            ]
            self._refuse(metric, self._bases[metric] + sum(map(min, self._shares[metric])))

    def _check_least(self) -> None:
        least = self._costs.least() if self._costs is not None and self._bounds else {}
        for metric in self._bounds:
            self._refuse(metric, least[metric])

    def _refuse(self, metric: str, least: float) -> None:
        bound = self._bounds[metric]
        if least > bound:
            raise NasError(
                f"no genotype of space {self.space.name!r} keeps the limit of {bound:.6g} {metric}: the cheapest has "
                f"{least:.6g}; raise the limit, or make the network smaller with --cells or --width"
            )

    @property
    def limited(self) -> bool:
        """Whether there is any limit."""
        return bool(self._bounds)

    def violations(self, vector: Sequence[int]) -> dict[str, float]:
        """By how much each limit is exceeded.

        Args:
            vector: A genotype as ``Space.encode`` gives it.

        Returns:
            Metric ("params", "macs", "latency") -> cost / limit - 1; at most 0 where the limit is kept.
        """
        return {m: self._cost(m, vector) / bound - 1 for m, bound in self._bounds.items()}

    def allows(self, vector: Sequence[int]) -> bool:
        """Whether the genotype keeps every limit."""
        return all(self._cost(m, vector) <= bound for m, bound in self._bounds.items())

    def repair(self, vector: Sequence[int], below: Callable[[int], int]) -> Vector | None:
        """A genotype within the limits near ``vector``.

        Decisions are visited in random order, and each takes a random cheaper choice until the limits are kept.

        Args:
            vector: Any genotype of the space.
            below: ``below(n)`` gives a random whole number from 0 to n - 1.

        Returns:
            An allowed genotype. Under one limit there always is one; under several it may not be reached by ever
            cheaper choices, which gives None.
        """
        current = list(vector)
        while (violation := self._violation(current)) > 0:
            before = violation
            for i in _shuffled(len(current), below):
                cheaper = [
                    choice
                    for choice in range(self._sizes[i])
                    if self._violation([*current[:i], choice, *current[i + 1 :]]) < violation
                ]
                if cheaper:
                    current[i] = cheaper[below(len(cheaper))]
                    violation = self._violation(current)
                if violation <= 0:
                    break
            if violation >= before:
                return None
        return tuple(current)

    def another(self, vector: Sequence[int], seen: Collection[Vector], below: Callable[[int], int]) -> Vector:
        """An allowed genotype that is not in ``seen``, by mutations from ``vector`` on.

        Args:
            vector: Where the mutations begin.
            seen: Genotypes that are not to be proposed again.
            below: ``below(n)`` gives a random whole number from 0 to n - 1.

        Raises:
            ExhaustedError: None is left, or none was found in a space that is too large to list.
        """
        current = tuple(vector)
        for _ in range(MUTATIONS):
            repaired = self.repair(current, below)
            found = None if repaired is None else self.space.canonical(repaired)
            if found is not None and found not in seen:
                return found
            current = self._mutated(current, below)
        left = self.remaining(seen)
        if left:
            return left[below(len(left))]
        raise ExhaustedError(self._exhausted(len(seen)))

    def count(self) -> int | None:
        """How many genotypes are allowed; None for a space under limits that is too large to list."""
        if not self.limited:
            return self.space.size()
        if self._count is None and self._listed:
            self._count = len(self.remaining(()))
        return self._count

    def remaining(self, seen: Collection[Vector]) -> list[Vector]:
        """All allowed genotypes that are not in ``seen``; an empty list also for a space that is too large to list."""
        if not self._listed:
            return []
        every = product(*(range(n) for n in self._sizes))
        return [v for v in every if v not in seen and v == self.space.canonical(v) and self.allows(v)]

    @property
    def _listed(self) -> bool:
        """Whether the space is small enough to list all its vectors."""
        return math.prod(self._sizes) <= ENUMERABLE

    def _exhausted(self, done: int) -> str:
        within = " within the limits" if self.limited else ""
        mend = "raise the limits" if self.limited and not done else "lower search.trials"
        return f"space {self.space.name!r} has no further genotype{within} to draw after {done} trials; {mend}"

    def _cost(self, metric: str, vector: Sequence[int]) -> float:
        if metric not in self._bases:
            key = self.space.canonical(vector)
            if key not in self._whole:
                assert self._costs is not None
                self._whole[key] = self._costs.of(self.space.decode(key))
            return self._whole[key][metric]
        return self._bases[metric] + sum(row[i] for row, i in zip(self._shares[metric], vector, strict=True))

    def _violation(self, vector: Sequence[int]) -> float:
        # compared as costs, not as ratios: rounding must not let a genotype one parameter too large through
        return sum(
            max(cost - bound, 0.0) / bound for m, bound in self._bounds.items() for cost in [self._cost(m, vector)]
        )

    def _mutated(self, vector: Vector, below: Callable[[int], int]) -> Vector:
        free = [i for i, n in enumerate(self._sizes) if n > 1]
        if not free:
            return vector
        i = free[below(len(free))]
        step = 1 + below(self._sizes[i] - 1)
        return (*vector[:i], (vector[i] + step) % self._sizes[i], *vector[i + 1 :])


def _shuffled(count: int, below: Callable[[int], int]) -> list[int]:
    """0 to ``count`` - 1 in random order (Fisher and Yates)."""
    order = list(range(count))
    for i in range(count - 1, 0, -1):
        j = below(i + 1)
        order[i], order[j] = order[j], order[i]
    return order
