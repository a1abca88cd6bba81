"""A strategy of your own, played against random search on scores that cost nothing."""

from collections.abc import Mapping
from typing import Any

from nas import Genotype, load_space
from nas.config.search import SearchOptions
from nas.registry import STRATEGIES
from nas.space import Space
from nas.strategies.base import DiscreteStrategy
from nas.strategies.random_search import random_vector


class Climber(DiscreteStrategy):
    """Proposes an unseen mutation of the best genotype so far."""

    def __init__(self, search: SearchOptions, space: Space, seed: int) -> None:
        super().__init__(search, space, seed)
        self.seen: set[tuple[int, ...]] = set()
        self.best: tuple[float, Genotype] | None = None

    def ask(self) -> Genotype:
        for _ in range(100 if self.best else 0):
            vector = self.space.encode(self.space.mutate(self.best[1], self.rng))
            if vector not in self.seen and self.constraints.allows(vector):
                break
        else:
            vector = random_vector(self.constraints, self.seen, self.rng)
        self.seen.add(vector)
        return self.space.decode(vector)

    def tell(self, genotype: Genotype, values: Mapping[str, float] | None, *, pruned: bool = False) -> None:
        if values and (self.best is None or values["psnr"] > self.best[0]):
            self.best = (values["psnr"], genotype)


def score(genotype: Genotype) -> float:
    """Stands for a training: how many edges have chosen the block ``rb``."""
    return float(sum(choice.block == "rb" for choice in genotype.cells["operation"]))


def main(trials: int = 60, seeds: int = 5) -> dict[str, float]:
    space, means = load_space("osm"), {}
    for name, strategy in {"climber": Climber, "random": STRATEGIES.get("random")}.items():
        found: list[Any] = []
        for seed in range(seeds):
            searching = strategy(SearchOptions(trials=trials), space, seed)
            tried = [searching.ask()]
            for _ in range(trials - 1):
                searching.tell(tried[-1], {"psnr": score(tried[-1])})
                tried.append(searching.ask())
            found.append(max(map(score, tried)))
        means[name] = sum(found) / seeds
    print(means)
    return means


if __name__ == "__main__":
    main()
