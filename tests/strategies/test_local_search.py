"""Local search climbs to the known optimum by neighbours alone, and starts again at a local one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nas.config.search import SearchOptions
from nas.registry import STRATEGIES
from nas.strategies.base import DiscreteStrategy
from tests.strategies.test_discrete_strategies import TINY

Vector = tuple[int, ...]


def search(move: str, seed: int = 1, objectives: list[str] | None = None) -> DiscreteStrategy:
    options = SearchOptions.model_validate({"move": move, "objectives": objectives or ["psnr"]})
    strategy: DiscreteStrategy = STRATEGIES.get("local_search")(options, TINY, seed)
    return strategy


def climb(strategy: DiscreteStrategy, value: Callable[[Vector], float], trials: int) -> list[Vector]:
    asked = []
    for _ in range(trials):
        genotype = strategy.ask()
        asked.append(TINY.encode(genotype))
        strategy.tell(genotype, {"psnr": value(asked[-1])})
    return asked


def distance(a: Vector, b: Vector) -> int:
    return sum(x != y for x, y in zip(a, b, strict=True))


def slope(vector: Vector) -> float:
    """One optimum, (2, 2, 2), to which every better neighbour leads."""
    return float(vector[0] + 10 * vector[1] + 100 * vector[2])


@pytest.mark.parametrize("move", ["first", "best"])
@pytest.mark.parametrize("seed", range(5))
def test_a_climb_asks_neighbours_of_the_best_so_far_and_ends_at_the_optimum(move: str, seed: int) -> None:
    asked = climb(search(move, seed), slope, 20)
    end = asked.index((2, 2, 2))
    for i in range(1, end + 1):
        assert any(distance(asked[i], earlier) == 1 for earlier in asked[:i])
    if move == "first":
        assert all(distance(asked[i], max(asked[:i], key=slope)) == 1 for i in range(1, end + 1))
    # each of three decisions has two other choices: a climb of at most three moves, six neighbours each
    assert end <= 18 if move == "best" else end < 20


def test_the_best_move_follows_steepest_ascent() -> None:
    asked = climb(search("best"), slope, 19)
    centre, place = asked[0], 1
    while centre != (2, 2, 2):
        around = {v for v in asked[place:] if distance(v, centre) == 1}
        new = [v for v in asked[place : place + 6] if v in around]
        place += len(new)
        centre = max([*asked[:place]], key=slope)
    assert centre == (2, 2, 2)
    assert centre[2] == 2 and max(asked[1:7], key=slope)[2] == 2  # the steepest decision comes first


def test_after_a_local_optimum_the_search_starts_again_elsewhere() -> None:
    def trap(vector: Vector) -> float:
        """A local optimum at (0, 0, 0), all of whose neighbours are worse, and the true one far away."""
        return {(0, 0, 0): 5.0, (2, 2, 2): 9.0}.get(vector, -float(sum(vector)))

    for seed in range(5):
        asked = climb(search("first", seed), trap, 27)
        assert (2, 2, 2) in asked and len(set(asked)) == 27


def test_with_several_objectives_neighbours_of_the_whole_front_are_asked() -> None:
    strategy = search("first", objectives=["psnr", "macs"])
    asked: list[Vector] = []
    for _ in range(27):
        genotype = strategy.ask()
        asked.append(TINY.encode(genotype))
        strategy.tell(genotype, {"psnr": float(sum(asked[-1])), "macs": float(sum(asked[-1]))})
    assert len(set(asked)) == 27  # nothing dominates anything, so all are of the front
    assert all(any(distance(v, earlier) == 1 for earlier in asked[:i]) for i, v in enumerate(asked) if i)


@pytest.mark.parametrize("pruned", [True, False])
def test_a_trial_without_a_full_value_is_no_place_to_go(pruned: bool) -> None:
    strategy = search("first")
    start = strategy.ask()
    strategy.tell(start, {"psnr": 1.0})
    failed = strategy.ask()
    strategy.tell(failed, {"psnr": 99.0} if pruned else None, pruned=pruned)
    assert distance(TINY.encode(strategy.ask()), TINY.encode(start)) == 1
