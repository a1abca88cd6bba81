"""Random genotypes: the control that every other strategy has to beat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nas.config.search import StrategySettings
from nas.objectives.constraints import Vector
from nas.space import Genotype, Space
from nas.space.draw import drawer
from nas.strategies.base import DiscreteStrategy

#: draws before the last one is changed until it is within the limits and new
DRAWS = 1000


class RandomSearch(DiscreteStrategy):
    """Uniform over the allowed genotypes, without repeating one.

    Uniform as long as one in some hundreds is allowed; under tighter limits the draws are made cheaper decision
    by decision, which favours genotypes near the limit.
    """

    def __init__(self, settings: StrategySettings, space: Space, seed: int) -> None:
        super().__init__(settings, space, seed)
        self._seen: set[Vector] = set()

    def ask(self) -> Genotype:
        for _ in range(DRAWS):
            genotype = self.space.sample(self.rng)
            vector = self.space.encode(genotype)
            if vector not in self._seen and self.constraints.allows(vector):
                break
        else:
            vector = self.constraints.another(vector, self._seen, drawer(self.rng))
        self._seen.add(vector)
        return self.space.decode(vector)

    def tell(self, genotype: Genotype, values: Mapping[str, float] | None, *, pruned: bool = False) -> None:
        """Nothing is learnt."""

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "seen": sorted(list(v) for v in self._seen)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self._seen = {tuple(v) for v in state["seen"]}


STRATEGY = RandomSearch
