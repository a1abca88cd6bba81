"""Regularized evolution: children are mutations of the best that live, and the oldest dies however good it is."""

from __future__ import annotations

from nas.config.search import SearchOptions
from nas.registry import STRATEGIES
from nas.strategies.base import DiscreteStrategy
from tests.strategies.test_discrete_strategies import SPACE, TINY

Vector = tuple[int, ...]


def evolution(seed: int, **settings: object) -> DiscreteStrategy:
    strategy: DiscreteStrategy = STRATEGIES.get("regularized_evolution")(
        SearchOptions.model_validate(settings), SPACE, seed
    )
    return strategy


def step(strategy: DiscreteStrategy, value: float | None, pruned: bool = False) -> Vector:
    genotype = strategy.ask()
    strategy.tell(genotype, None if value is None else {"psnr": value}, pruned=pruned)
    return strategy.space.encode(genotype)


def distance(a: Vector, b: Vector) -> int:
    return sum(x != y for x, y in zip(a, b, strict=True))


def test_the_parent_is_the_best_of_the_living_and_the_best_of_all_dies_of_age() -> None:
    for seed in range(5):
        strategy = evolution(seed, population=2, tournament=2)
        best = step(strategy, 9.0)
        second = step(strategy, 1.0)
        child = step(strategy, 5.0)
        assert distance(child, best) == 1  # and now the best has died
        grandchild = step(strategy, 2.0)
        assert distance(grandchild, child) == 1
        assert distance(grandchild, second) > 1
        assert distance(step(strategy, 1.0), child) == 1  # the child lives for two births


def test_the_first_population_is_random_and_later_ones_are_not() -> None:
    strategy = evolution(1, population=8, tournament=3)
    first = [step(strategy, 1.0) for _ in range(8)]
    assert min(distance(a, b) for i, a in enumerate(first) for b in first[:i]) > 2
    later = [step(strategy, 1.0) for _ in range(20)]
    known = list(first)
    for child in later:
        assert min(distance(child, v) for v in known) == 1
        known.append(child)


def test_failed_and_pruned_trials_are_not_born() -> None:
    strategy = evolution(1, population=2, tournament=2)
    good = [step(strategy, 1.0)]
    step(strategy, None)
    step(strategy, 99.0, pruned=True)
    good.append(step(strategy, 2.0))
    assert distance(step(strategy, 0.0), good[1]) == 1


def test_it_warns_of_a_search_that_ends_before_anything_evolves() -> None:
    assert "lower search.population" in (evolution(1, trials=16, population=16).advice() or "")
    assert evolution(1, trials=17, population=16).advice() is None


def test_a_space_that_is_nearly_used_up_is_proposed_to_the_end() -> None:
    options = SearchOptions.model_validate({"population": 3, "tournament": 2})
    strategy: DiscreteStrategy = STRATEGIES.get("regularized_evolution")(options, TINY, 1)
    assert len({step(strategy, 1.0) for _ in range(TINY.size())}) == TINY.size()
