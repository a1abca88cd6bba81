"""What searches are played on: a table in memory, and the scenarios that bound a search."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
from numpy.typing import NDArray

from nas.bench.strategies.remembered import remembering
from nas.config.search import LimitSettings
from nas.errors import UsageError
from nas.estimators.table_values import StoredTable
from nas.objectives.constraints import Constraints, Vector
from nas.objectives.costs import GenotypeCosts
from nas.objectives.pareto import hypervolume
from nas.space import Space, load_space
from nas.tasks import get_task

Array = NDArray[np.float64]
#: share of the genotypes that count as the top
TOP = 0.01


@dataclass(frozen=True)
class Scenario:
    """What a search looks for.

    Attributes:
        name: In tables and names of files.
        objectives: As ``search.objectives``.
        most_macs: Limit of multiply-adds; None for none.
        size_taken_out: Whether PSNR counts as what a regression on size leaves of it (``Game.size_effects``).
    """

    name: str
    objectives: tuple[str, ...] = ("psnr",)
    most_macs: float | None = None
    size_taken_out: bool = False


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
        self.table, self.space = table, remembering(load_space(table.recipe.space))
        if self.space.hash != table.recipe.space_hash:
            raise UsageError(f"space {table.recipe.space!r} has changed since the table was made; restore its document")
        every = product(*(range(len(d.choices)) for d in self.space.decisions))
        self._hashes = {vector: self.space.decode(vector).hash for vector in every}
        self.vectors = [v for v, digest in self._hashes.items() if digest in table.runs or digest in table.diverged]
        if not any(digest in table.runs for digest in self._hashes.values()):
            raise UsageError("the table has no finished training yet; continue with 'nas bench table resume'")
        self.counted = GenotypeCosts(self.space, get_task(table.recipe.task))
        self._residuals: dict[Vector, float] | None = None
        self._volumes: dict[tuple[str, ...], tuple[tuple[float, ...], float]] = {}
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

    @cached_property
    def size_effects(self) -> dict[Vector, Array]:
        """What size adds to the PSNR of each genotype at each mark, in dB; zero on average.

        The linear regression of the mean PSNR of the trainings on the logarithms of multiply-adds and parameters.
        """
        valued = list(self.expected)
        size = np.log([[self.costs(v)["macs"], self.costs(v)["params"]] for v in valued])
        design = size - size.mean(axis=0)
        psnr = np.array([np.mean([curve for curve, _ in self._curves[v]], axis=0) for v in valued])  # (n, marks)
        slopes, *_ = np.linalg.lstsq(design, psnr - psnr.mean(axis=0), rcond=None)
        return dict(zip(valued, design @ slopes, strict=True))

    @property
    def share_of_size(self) -> float:
        """Share of the variance of the expected PSNR that the regression on size explains, 0..1."""
        values = np.array(list(self.expected.values()))
        left = values - np.array([self.size_effects[v][-1] for v in self.expected])
        return 1.0 - float(left.var() / values.var()) if values.var() > 0 else 0.0

    def worth(self, scenario: Scenario) -> dict[Vector, float]:
        """What a scenario values each genotype at: its expected PSNR, or what is left of it without size."""
        if not scenario.size_taken_out:
            return self.expected
        if self._residuals is None:
            self._residuals = {v: value - float(self.size_effects[v][-1]) for v, value in self.expected.items()}
        return self._residuals

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
        worth = self.worth(scenario)
        ranked = sorted(self.allowed(scenario), key=lambda v: -worth[v])
        return set(ranked[: int(np.ceil(TOP * len(ranked)))])

    @cached_property
    def front_costs(self) -> tuple[str, ...]:
        """The costs of the front: multiply-adds, and latency where it was measured for all genotypes."""
        return ("macs", "latency") if all("latency" in self.costs(v) for v in self.vectors) else ("macs",)

    def front_volume(self, vectors: Sequence[Vector], costs: tuple[str, ...] | None = None) -> float:
        """Hypervolume of PSNR and costs that genotypes reach, as a share of what all genotypes of the table reach.

        The reference point is the lowest PSNR and the highest costs in the table, so the volume of a search can only
        grow with its genotypes.

        Args:
            vectors: The genotypes.
            costs: Names of the costs; None for ``front_costs``.
        """
        names = self.front_costs if costs is None else costs
        reference, whole = self._whole_volume(names)
        found = [self._point(v, names) for v in vectors if v in self.expected]
        return hypervolume(_undominated(found), reference, ("psnr", *names)) / whole if whole else 1.0

    def _point(self, vector: Vector, costs: tuple[str, ...]) -> tuple[float, ...]:
        found = self.costs(vector)
        return (self.expected[vector], *(found[name] for name in costs))

    def _whole_volume(self, costs: tuple[str, ...]) -> tuple[tuple[float, ...], float]:
        """The reference point, and the hypervolume of all genotypes; computed once."""
        if costs not in self._volumes:
            every = [self._point(v, costs) for v in self.expected]
            psnr, *others = zip(*every, strict=True)
            reference = (min(psnr), *map(max, others))
            self._volumes[costs] = reference, hypervolume(_undominated(every), reference, ("psnr", *costs))
        return self._volumes[costs]


def _undominated(points: Sequence[tuple[float, ...]]) -> list[tuple[float, ...]]:
    """The points (PSNR, costs) that no other one beats, which span the whole hypervolume."""
    if not points:
        return []
    gains = np.array(points) * np.array([1.0, *[-1.0] * (len(points[0]) - 1)])
    at_least = (gains[:, None] >= gains[None]).all(axis=2)  # [i, j]: i is at least as good as j in everything
    better = at_least & ~at_least.T
    return [point for point, beaten in zip(points, better.any(axis=0), strict=True) if not beaten]


def scenarios_of(game: Game, percentiles: Sequence[float] = (25, 50, 75)) -> list[Scenario]:
    """The scenarios of a comparison: no limit, limits of multiply-adds at percentiles, without size, and the front.

    Args:
        game: The table.
        percentiles: Of the multiply-adds of its genotypes.
    """
    macs = [game.costs(v)["macs"] for v in game.vectors]
    limited = [Scenario(f"macs_p{p:g}", most_macs=float(np.percentile(macs, p, method="higher"))) for p in percentiles]
    without = Scenario("without_size", size_taken_out=True)
    return [Scenario("free"), *limited, without, Scenario("front", objectives=("psnr", "macs"))]
