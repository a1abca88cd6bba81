"""Regularized evolution: the best of a few drawn genotypes is mutated, and the oldest of the population dies.

Real, Aggarwal, Huang and Le, "Regularized evolution for image classifier architecture search", AAAI 2019, algorithm 1.
That the oldest dies, not the worst, lets no genotype survive by a lucky training.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from nas.config.search import SearchOptions
from nas.config.sections import Section
from nas.objectives.constraints import Vector
from nas.objectives.objectives import objectives_of
from nas.objectives.pareto import dominates
from nas.space import Genotype, Space
from nas.space.draw import drawer
from nas.strategies.base import DiscreteStrategy
from nas.strategies.random_search import random_vector

#: mutations of a parent that are tried before any allowed genotype near it is taken
MUTATIONS = 20


class RegularizedEvolutionSettings(Section):
    """Settings of the strategy under ``search``; the paper has a population of 100 and draws 25.

    Attributes:
        population: Genotypes that live at a time; as many are drawn at random in the beginning.
        tournament: How many of them are drawn to choose a parent.
    """

    population: int = Field(16, gt=1, description="genotypes that live at a time")
    tournament: int = Field(5, gt=0, description="how many are drawn to choose a parent")


class RegularizedEvolution(DiscreteStrategy):
    """Aging evolution by mutation of one decision; with several objectives, dominated genotypes lose a tournament."""

    Settings: ClassVar[type[Section]] = RegularizedEvolutionSettings
    settings: RegularizedEvolutionSettings

    def __init__(self, search: SearchOptions, space: Space, seed: int) -> None:
        super().__init__(search, space, seed)
        self._objectives = objectives_of(search)
        self._seen: set[Vector] = set()
        self._living: list[tuple[Vector, dict[str, float]]] = []  # the oldest first
        self._born = 0

    def ask(self) -> Genotype:
        """A random genotype while the population is being filled, then a mutated one."""
        if self._born < self.settings.population or not self._living:
            vector = random_vector(self.constraints, self._seen, self.rng)
        else:
            vector = self._child(self._parent())
        self._seen.add(vector)
        return self.space.decode(vector)

    def tell(self, genotype: Genotype, values: Mapping[str, float] | None, *, pruned: bool = False) -> None:
        """Let the genotype live if it was trained to the end; then the oldest one beyond the population dies."""
        if values is None or pruned:
            return
        self._living.append((self.space.encode(genotype), {name: float(values[name]) for name in self._objectives}))
        self._born += 1
        self._living = self._living[-self.settings.population :]

    def advice(self) -> str | None:
        """Whether the trials end before evolution begins."""
        if self.search.trials <= self.settings.population:
            return (
                f"{self.search.trials} trials fill a population of {self.settings.population} at random and nothing "
                "evolves; raise search.trials or lower search.population"
            )
        return None

    def _parent(self) -> Vector:
        """The best of a few that are drawn without replacement; of several undominated ones a random one."""
        count = min(self.settings.tournament, len(self._living))
        drawn = [self._living[i] for i in self.rng.permutation(len(self._living))[:count]]
        best: list[Vector] = [
            v for v, own in drawn if not any(dominates(other, own, self._objectives) for _, other in drawn)
        ]
        return best[0]  # the draw is in random order

    def _child(self, parent: Vector) -> Vector:
        for _ in range(MUTATIONS):
            vector = self.space.encode(self.space.mutate(self.space.decode(parent), self.rng))
            if vector not in self._seen and self.constraints.allows(vector):
                return vector
        return self.constraints.another(parent, self._seen, drawer(self.rng))

    def state_dict(self) -> dict[str, Any]:
        """The random generator, what was proposed, and the living."""
        return {
            **super().state_dict(),
            "seen": sorted(list(v) for v in self._seen),
            "living": [[list(v), values] for v, values in self._living],
            "born": self._born,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Inverse of ``state_dict``."""
        super().load_state_dict(state)
        self._seen = {tuple(v) for v in state["seen"]}
        self._living = [(tuple(v), dict(values)) for v, values in state["living"]]
        self._born = int(state["born"])


STRATEGY = RegularizedEvolution
