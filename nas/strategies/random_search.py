"""Random search, the baseline that every other strategy has to beat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optuna.samplers import BaseSampler, RandomSampler

from nas.config.search import SearchOptions
from nas.objectives.constraints import Vector
from nas.space import Genotype, Space
from nas.space.draw import drawer
from nas.strategies.base import DiscreteStrategy

#: draws before the last one is changed until it is new and within the limits
DRAWS = 1000


class RandomSearch(DiscreteStrategy):
    """Draws from the allowed genotypes without replacement.

    The draws are uniform as long as the limits allow at least about one genotype in a few hundred. Under tighter
    limits a draw is made cheaper, decision by decision, which favours genotypes near the limit.
    """

    def __init__(self, search: SearchOptions, space: Space, seed: int) -> None:
        super().__init__(search, space, seed)
        self._seen: set[Vector] = set()

    @classmethod
    def sampler(cls, search: SearchOptions, seed: int, study_seed: int) -> BaseSampler:
        """Uniform proposals; the study itself repeats none."""
        return RandomSampler(seed=seed)

    def ask(self) -> Genotype:
        """A random genotype that is new and within the limits."""
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
        """Nothing is learned."""

    def state_dict(self) -> dict[str, Any]:
        """The random generator and the genotypes drawn so far."""
        return {**super().state_dict(), "seen": sorted(list(v) for v in self._seen)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Inverse of ``state_dict``."""
        super().load_state_dict(state)
        self._seen = {tuple(v) for v in state["seen"]}


STRATEGY = RandomSearch
