"""Hard limits for strategies that propose whole genotypes: what is not within them is never evaluated."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from itertools import product

from nas.config.search import LimitSettings
from nas.errors import NasError
from nas.objectives.costs import GenotypeCosts
from nas.space import Space

#: spaces up to this size are looked through from end to end before one is said to be exhausted
ENUMERABLE = 100_000
#: mutations that are tried before that
WALK = 1000

Vector = tuple[int, ...]


class ExhaustedError(NasError):
    """No genotype is left to propose."""


class Constraints:
    """Which genotypes of ``space`` a search may evaluate; without limits, all of them.

    Works on the vectors of ``Space.encode``, since costs are sums over decisions. Raises NasError when a
    limit lies below the cheapest genotype.
    """

    def __init__(self, space: Space, costs: GenotypeCosts | None = None, limits: LimitSettings | None = None) -> None:
        self.space = space
        self._sizes = [len(d.choices) for d in space.decisions]
        self._bounds: dict[str, float] = costs.bounds(limits) if costs is not None and limits is not None else {}
        self._bases: dict[str, float] = {}
        self._shares: dict[str, list[list[float]]] = {}
        self._count: int | None = None
        for metric, bound in self._bounds.items():
            assert costs is not None
            rows = costs.per_choice(metric)
            place = dict.fromkeys(space.cells, 0)
            self._bases[metric], self._shares[metric] = costs.base(metric), []
            for decision in space.decisions:
                row = rows[decision.cell][place[decision.cell]]
                place[decision.cell] += 1
                self._shares[metric].append([row[name] for name in decision.choices])
            least = self._bases[metric] + sum(map(min, self._shares[metric]))
            if least > bound:
                raise NasError(
                    f"no genotype of space {space.name!r} keeps the limit of {bound:.6g} {metric}: the cheapest has "
                    f"{least:.6g}; raise the limit, or make the network smaller with --cells or --width"
                )

    @property
    def limited(self) -> bool:
        """Whether there is any limit."""
        return bool(self._bounds)

    def violations(self, vector: Sequence[int]) -> dict[str, float]:
        """Relative excess over each limit, cost / limit - 1; at most 0 is within."""
        return {m: self._cost(m, vector) / bound - 1 for m, bound in self._bounds.items()}

    def allows(self, vector: Sequence[int]) -> bool:
        """Whether every limit is kept."""
        return all(self._cost(m, vector) <= bound for m, bound in self._bounds.items())

    def repair(self, vector: Sequence[int], below: Callable[[int], int]) -> Vector | None:
        """A genotype within the limits near ``vector``: decisions in random order, each to a random cheaper choice.

        Under one limit this always arrives; under several that pull apart it may not, and gives None.
        """
        now = list(vector)
        while (violation := self._violation(now)) > 0:
            order = list(range(len(now)))
            for i in range(len(order) - 1, 0, -1):
                j = below(i + 1)
                order[i], order[j] = order[j], order[i]
            before = violation
            for i in order:
                cheaper = [
                    c for c in range(self._sizes[i]) if self._violation([*now[:i], c, *now[i + 1 :]]) < violation
                ]
                if cheaper:
                    now[i] = cheaper[below(len(cheaper))]
                    violation = self._violation(now)
                if violation <= 0:
                    break
            if violation >= before:
                return None
        return tuple(now)

    def another(self, vector: Sequence[int], seen: Collection[Vector], below: Callable[[int], int]) -> Vector:
        """An allowed genotype not in ``seen``, by mutation from ``vector``; ExhaustedError when none is left."""
        now = tuple(vector)
        for _ in range(WALK):
            found = self.repair(now, below)
            if found is not None and found not in seen:
                return found
            now = self._mutated(now, below)
        left = self.left(seen)
        if left:
            return left[below(len(left))]
        raise ExhaustedError(self.exhausted(len(seen)))

    def count(self) -> int | None:
        """How many genotypes are allowed; None for a space under limits that is too large to list."""
        if not self.limited:
            return self.space.size()
        if self._count is None and self.space.size() <= ENUMERABLE:
            self._count = len(self.left(()))
        return self._count

    def left(self, seen: Collection[Vector]) -> list[Vector]:
        """All allowed genotypes that are not in ``seen``; [] also for a space that is too large to list."""
        if self.space.size() > ENUMERABLE:
            return []
        return [v for v in product(*(range(n) for n in self._sizes)) if v not in seen and self.allows(v)]

    def exhausted(self, done: int) -> str:
        """The sentence for a space of which nothing is left."""
        within = " within the limits" if self.limited else ""
        mend = "raise the limits" if self.limited and not done else "lower search.trials"
        return f"space {self.space.name!r} has no further genotype{within} to draw after {done} trials; {mend}"

    def _cost(self, metric: str, vector: Sequence[int]) -> float:
        return self._bases[metric] + sum(row[i] for row, i in zip(self._shares[metric], vector, strict=True))

    def _violation(self, vector: Sequence[int]) -> float:
        # compared as costs, not as ratios: rounding must not let a genotype one parameter too large through
        return sum(
            max(cost - bound, 0.0) / bound for m, bound in self._bounds.items() for cost in [self._cost(m, vector)]
        )

    def _mutated(self, vector: Vector, below: Callable[[int], int]) -> Vector:
        open_ones = [i for i, n in enumerate(self._sizes) if n > 1]
        if not open_ones:
            return vector
        i = open_ones[below(len(open_ones))]
        step = 1 + below(self._sizes[i] - 1)
        return (*vector[:i], (vector[i] + step) % self._sizes[i], *vector[i + 1 :])
