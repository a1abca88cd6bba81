"""What searches are played on: a table in memory, and the scenarios that bound a search."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np

from nas.config.search import LimitSettings
from nas.errors import UsageError
from nas.estimators.table_values import StoredTable
from nas.objectives.constraints import Constraints, Vector
from nas.objectives.costs import GenotypeCosts
from nas.objectives.pareto import hypervolume
from nas.space import Space, load_space
from nas.tasks import get_task

#: share of the genotypes that count as the top
TOP = 0.01


@dataclass(frozen=True)
class Scenario:
    """What a search looks for.

    Attributes:
        name: In tables and names of files.
        objectives: As ``search.objectives``.
        most_macs: Limit of multiply-adds; None for none.
    """

    name: str
    objectives: tuple[str, ...] = ("psnr",)
    most_macs: float | None = None


class StoredOnly(Constraints):
    """Allows what the limits allow, of the genotypes that a table has trained."""

    def __init__(self, space: Space, costs: GenotypeCosts, limits: LimitSettings, stored: Sequence[Vector]) -> None:
        super().__init__(space, costs, limits)
        self._allowed = frozenset(v for v in stored if super(StoredOnly, self).allows(v))

    def allows(self, vector: Sequence[int]) -> bool:
        """Whether the genotype is in the table and keeps every limit."""
        return tuple(vector) in self._allowed

    def repair(self, vector: Sequence[int], below: Callable[[int], int]) -> Vector | None:
        """As without a table; None if what is found has not been trained."""
        found = super().repair(vector, below)
        return found if found is not None and self.allows(found) else None

    def count(self) -> int:
        """How many genotypes are allowed."""
        return len(self._allowed)


class Game:
    """A table as searches need it: by vectors instead of hashes, and everything in memory.

    Args:
        table: The table; of a partial one only the trained genotypes are played.

    Attributes:
        table: The table.
        space: Its space.
        vectors: The trained genotypes.

    Raises:
        UsageError: Nothing is trained yet, or the space has changed since.
    """

    def __init__(self, table: StoredTable) -> None:
        self.table, self.space = table, load_space(table.recipe.space)
        if self.space.hash != table.recipe.space_hash:
            raise UsageError(f"space {table.recipe.space!r} has changed since the table was made; restore its document")
        every = product(*(range(len(d.choices)) for d in self.space.decisions))
        self._hashes = {vector: self.space.decode(vector).hash for vector in every}
        self.vectors = [v for v, digest in self._hashes.items() if digest in table.runs or digest in table.diverged]
        if not any(digest in table.runs for digest in self._hashes.values()):
            raise UsageError("the table has no finished training yet; go on with 'nas bench table resume'")
        self.counted = GenotypeCosts(self.space, get_task(table.recipe.task))
        self._constraints: dict[Scenario, StoredOnly] = {}
        self._curves = {
            v: [(table.adjusted(run), run.cpu_seconds) for run in table.of(self._hashes[v])] for v in self.vectors
        }

    def curves(self, vector: Vector) -> list[tuple[tuple[float, ...], tuple[float, ...]]]:
        """PSNR in dB and CPU seconds at each mark, for each training of a genotype; [] if all diverged."""
        return self._curves[vector]

    def costs(self, vector: Vector) -> Mapping[str, float]:
        """The costs of a genotype by name."""
        return self.table.costs[self._hashes[vector]]

    @cached_property
    def expected(self) -> dict[Vector, float]:
        """The expected PSNR of each genotype: the mean of its trainings, without the effects of their seeds."""
        found = {v: self.table.expected(self._hashes[v]) for v in self.vectors}
        return {v: value for v, value in found.items() if value is not None}

    def mean_seconds(self, vectors: Sequence[Vector]) -> float:
        """CPU seconds of a training, the mean over these genotypes."""
        means = [np.mean([seconds[-1] for _, seconds in self._curves[v]]) for v in vectors if self._curves[v]]
        return float(np.mean(means))

    def constraints(self, scenario: Scenario) -> StoredOnly:
        """What a scenario allows; the same object for all its searches."""
        if scenario not in self._constraints:
            limits = LimitSettings(macs=scenario.most_macs)
            self._constraints[scenario] = StoredOnly(self.space, self.counted, limits, self.vectors)
        return self._constraints[scenario]

    def allowed(self, scenario: Scenario) -> list[Vector]:
        """The genotypes with a value that a scenario allows, in order."""
        bound = self.constraints(scenario)
        return [v for v in self.expected if bound.allows(v)]

    def top(self, scenario: Scenario) -> set[Vector]:
        """The best hundredth of the allowed genotypes, rounded up."""
        ranked = sorted(self.allowed(scenario), key=lambda v: -self.expected[v])
        return set(ranked[: int(np.ceil(TOP * len(ranked)))])

    def front_volume(self, vectors: Sequence[Vector], cost: str = "macs") -> float:
        """Hypervolume of PSNR and a cost that genotypes reach, as a share of what all genotypes of the table reach.

        The reference point is the lowest PSNR and the highest cost in the table, so the volume of a search can only
        grow with its genotypes.
        """
        every = [(self.expected[v], self.costs(v)[cost]) for v in self.expected]
        reference = (min(p for p, _ in every), max(c for _, c in every))
        objectives = ("psnr", cost)
        whole = hypervolume(every, reference, objectives)
        found = [(self.expected[v], self.costs(v)[cost]) for v in vectors if v in self.expected]
        return hypervolume(found, reference, objectives) / whole if whole else 1.0


def scenarios_of(game: Game, percentiles: Sequence[float] = (25, 50, 75)) -> list[Scenario]:
    """The scenarios of a comparison: no limit, limits of multiply-adds at percentiles, and the front.

    Args:
        game: The table.
        percentiles: Of the multiply-adds of its genotypes.
    """
    macs = [game.costs(v)["macs"] for v in game.vectors]
    limited = [Scenario(f"macs_p{p:g}", most_macs=float(np.percentile(macs, p, method="higher"))) for p in percentiles]
    return [Scenario("free"), *limited, Scenario("front", objectives=("psnr", "macs"))]
