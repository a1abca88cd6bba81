"""Random search: the baseline that every other strategy has to beat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optuna.samplers import BaseSampler, RandomSampler

from nas.config.search import SearchOptions
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

    def __init__(self, search: SearchOptions, space: Space, seed: int) -> None:
        super().__init__(search, space, seed)
        self._seen: set[Vector] = set()

    @classmethod
    def sampler(cls, search: SearchOptions, seed: int, study_seed: int) -> BaseSampler:
        """Uniform proposals; the study sees to it that none is repeated."""
        return RandomSampler(seed=seed)

    def ask(self) -> Genotype:
        """The next genotype that is allowed and was not proposed before."""
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
        """What ``load_state_dict`` continues from."""
        return {**super().state_dict(), "seen": sorted(list(v) for v in self._seen)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Inverse of ``state_dict``."""
        super().load_state_dict(state)
        self._seen = {tuple(v) for v in state["seen"]}


STRATEGY = RandomSearch
