"""Random search, the baseline that every other strategy has to beat."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from optuna.samplers import BaseSampler, RandomSampler

from nas.config.search import SearchOptions
from nas.objectives.constraints import Constraints, Vector
from nas.space import Genotype, Space
from nas.space.draw import drawer
from nas.strategies.base import DiscreteStrategy

#: draws before the last one is changed until it is new and within the limits
DRAWS = 1000


def random_vector(constraints: Constraints, seen: Collection[Vector], rng: np.random.Generator) -> Vector:
    """A random genotype that is new and within the limits, uniform as described in ``RandomSearch``.

    Args:
        constraints: Which genotypes are allowed.
        seen: Genotypes that are not to be proposed again.
        rng: Generator of the draws.

    Raises:
        ExhaustedError: There is none.
    """
    for _ in range(DRAWS):
        vector = constraints.space.encode(constraints.space.sample(rng))
        if vector not in seen and constraints.allows(vector):
            return vector
    return constraints.another(vector, seen, drawer(rng))


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
        vector = random_vector(self.constraints, self._seen, self.rng)
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
