"""Random genotypes: the control that every other strategy has to beat."""

from __future__ import annotations

from typing import Any

from nas.config import StrategySettings
from nas.errors import NasError
from nas.space import Genotype, Space
from nas.strategies.base import DiscreteStrategy


class RandomSearch(DiscreteStrategy):
    """Uniform over the space, without repeating a genotype."""

    def __init__(self, settings: StrategySettings, space: Space, seed: int) -> None:
        super().__init__(settings, space, seed)
        self._seen: set[str] = set()

    def ask(self) -> Genotype:
        for _ in range(1000):
            genotype = self.space.sample(self.rng)
            if genotype.hash not in self._seen:
                self._seen.add(genotype.hash)
                return genotype
        raise NasError(
            f"space {self.space.name!r} has no further genotype to draw after {len(self._seen)} trials; "
            "lower search.trials"
        )

    def tell(self, genotype: Genotype, value: float) -> None:
        """Nothing is learnt."""

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "seen": sorted(self._seen)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self._seen = set(state["seen"])


STRATEGY = RandomSearch
