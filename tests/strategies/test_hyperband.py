"""Hyperband on made-up curves: how many trainings reach which level, what is promoted, what it costs."""

from __future__ import annotations

from collections import Counter

import pytest

from nas.config.search import SearchOptions
from nas.objectives.constraints import ExhaustedError
from nas.registry import STRATEGIES
from nas.strategies.base import DiscreteStrategy
from tests.strategies.test_discrete_strategies import TINY

Vector = tuple[int, ...]


def made(seed: int = 1, **settings: object) -> DiscreteStrategy:
    options = SearchOptions.model_validate({"trial_steps": 9, "reduction": 3, **settings})
    strategy: DiscreteStrategy = STRATEGIES.get("hyperband")(options, TINY, seed)
    return strategy


def worth(vector: Vector) -> float:
    return float(vector[0] + 10 * vector[1] + 100 * vector[2])


def played(strategy: DiscreteStrategy, trials: int) -> list[tuple[Vector, int]]:
    """The genotypes and the steps to which they were trained; a value grows with the steps, and the order stays."""
    found = []
    for _ in range(trials):
        genotype = strategy.ask()
        assert strategy.train_to is not None
        vector = TINY.encode(genotype)
        found.append((vector, strategy.train_to))
        strategy.tell(genotype, {"psnr": worth(vector) - 1000.0 / strategy.train_to})
    return found


def test_the_first_bracket_halves_by_the_factor_and_promotes_the_best() -> None:
    strategy = made()
    assert strategy.levels == (1, 3, 9)
    found = played(strategy, 13)  # nine of one step, three go on to three, one to the end
    assert [steps for _, steps in found] == [1] * 9 + [3] * 3 + [9]
    first = [v for v, _ in found[:9]]
    assert [v for v, _ in found[9:12]] == sorted(first, key=worth, reverse=True)[:3]
    assert found[12][0] == max(first, key=worth)


def test_every_bracket_begins_at_the_next_level_at_about_the_same_cost() -> None:
    found = played(made(), 13 + 5 + 1 + 3)
    second, third = found[13:19], found[19:22]
    # algorithm 1 of the paper with R = 9 and a factor of 3: 9, 5 and 3 genotypes
    assert [steps for _, steps in second] == [3] * 5 + [9]
    assert [steps for _, steps in third] == [9] * 3
    reached: Counter[Vector] = Counter()
    costs = []
    for bracket in (found[:13], second, third):
        cost = 0
        for vector, steps in bracket:  # a promoted training goes on
            cost += steps - reached[vector]
            reached[vector] = steps
        costs.append(cost)
    assert costs == [9 + 3 * 2 + 6, 15 + 6, 27]
    share = STRATEGIES.get("hyperband").trial_share(SearchOptions(trial_steps=9, reduction=3))
    assert share == pytest.approx(sum(costs) / (22 * 9))  # by which budgets are planned


def test_without_new_genotypes_the_halted_trainings_go_on_until_all_are_whole() -> None:
    strategy, found = made(), []
    with pytest.raises(ExhaustedError):
        for _ in range(1000):
            found += played(strategy, 1)
    whole = [v for v, steps in found if steps == 9]
    assert len(whole) == len(set(whole)) == TINY.size()
    assert len(found) == len(set(found))  # no stretch twice


def test_diverged_trainings_are_not_promoted() -> None:
    strategy, asked = made(), []
    for _ in range(9):
        genotype = strategy.ask()
        asked.append(genotype.hash)
        strategy.tell(genotype, None if len(asked) > 1 else {"psnr": 1.0})
    assert strategy.ask().hash == asked[0] and strategy.train_to == 3


@pytest.mark.parametrize("after", [1, 9, 11, 13, 20])
def test_a_restored_state_goes_on_in_the_same_way(after: int) -> None:
    whole = played(made(), 30)
    first = made()
    played(first, after)
    second = made(seed=5)
    second.load_state_dict(first.state_dict())
    assert played(second, 30 - after) == whole[after:]
