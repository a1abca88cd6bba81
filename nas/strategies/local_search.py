"""Local search: from a random genotype to better neighbours until there are none, then from another random genotype.

White, Nolen and Savani, "Exploring the loss landscape in neural architecture search", UAI 2021, algorithm 1; a
neighbour differs in one decision. With several objectives it is Pareto local search: Paquete, Chiarandini and
Stuetzle, "Pareto local optimum sets in the biobjective traveling salesman problem", 2004.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from nas.config.search import SearchOptions
from nas.config.sections import Section
from nas.objectives.constraints import Vector
from nas.objectives.objectives import objectives_of
from nas.objectives.pareto import dominates
from nas.space import Genotype, Space
from nas.strategies.base import DiscreteStrategy
from nas.strategies.random_search import random_vector


class LocalSearchSettings(Section):
    """Settings of the strategy under ``search``.

    Attributes:
        move: ``first``: to the first neighbour that is better; ``best``: to the best one, after all were evaluated.
    """

    move: Literal["first", "best"] = Field(
        "first", description="first: to the first better neighbour; best: to the best"
    )


class LocalSearch(DiscreteStrategy):
    """Evaluates the neighbours of the best genotypes since the last start, in random order.

    A genotype whose neighbours are all known is done. When all that no other one dominates are done, the search starts
    again from a new random genotype. With one objective that is: climb to a local optimum, then start again.
    """

    Settings: ClassVar[type[Section]] = LocalSearchSettings
    settings: LocalSearchSettings

    def __init__(self, search: SearchOptions, space: Space, seed: int) -> None:
        super().__init__(search, space, seed)
        self._objectives = objectives_of(search)
        self._seen: set[Vector] = set()
        self._front: list[tuple[Vector, dict[str, float]]] = []  # since the last start
        self._done: set[Vector] = set()  # those of the front whose neighbours are all known
        self._centre: Vector | None = None
        self._left: list[Vector] = []  # neighbours of the centre that are still to be evaluated, the next one last

    def ask(self) -> Genotype:
        """The next unknown neighbour, or a random genotype where there is none."""
        vector = self._neighbour()
        if vector is None:
            self._front, self._done, self._centre = [], set(), None
            self._left = []
            vector = random_vector(self.constraints, self._seen, self.rng)
        self._seen.add(vector)
        return self.space.decode(vector)

    def tell(self, genotype: Genotype, values: Mapping[str, float] | None, *, pruned: bool = False) -> None:
        """Keep the genotype if it was trained to the end and none since the last start dominates it."""
        if values is None or pruned:
            return
        mine = {name: float(values[name]) for name in self._objectives}
        if any(dominates(other, mine, self._objectives) for _, other in self._front):
            return
        self._front = [(v, other) for v, other in self._front if not dominates(mine, other, self._objectives)]
        self._front.append((self.space.encode(genotype), mine))

    def _neighbour(self) -> Vector | None:
        """The next neighbour to evaluate; None where all of the front are done."""
        while True:
            stays = self.settings.move == "best" or any(v == self._centre for v, _ in self._front)
            while self._left and stays:
                vector = self._left.pop()
                if vector not in self._seen:
                    return vector
            if self._centre is not None and stays:
                self._done.add(self._centre)
            open_ones = [v for v, _ in self._front if v not in self._done]
            if not open_ones:
                return None
            self._centre = open_ones[0]
            around = self.space.neighbours(self.space.decode(self._centre))
            vectors = [v for v in map(self.space.encode, around) if v not in self._seen and self.constraints.allows(v)]
            self._left = [vectors[i] for i in self.rng.permutation(len(vectors))]

    def state_dict(self) -> dict[str, Any]:
        """The random generator, what was proposed, and where the search stands."""
        return {
            **super().state_dict(),
            "seen": sorted(list(v) for v in self._seen),
            "front": [[list(v), values] for v, values in self._front],
            "done": sorted(list(v) for v in self._done),
            "centre": None if self._centre is None else list(self._centre),
            "left": [list(v) for v in self._left],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Inverse of ``state_dict``."""
        super().load_state_dict(state)
        self._seen = {tuple(v) for v in state["seen"]}
        self._front = [(tuple(v), dict(values)) for v, values in state["front"]]
        self._done = {tuple(v) for v in state["done"]}
        self._centre = None if state["centre"] is None else tuple(state["centre"])
        self._left = [tuple(v) for v in state["left"]]


STRATEGY = LocalSearch
