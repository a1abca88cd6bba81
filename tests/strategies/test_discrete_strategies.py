"""Strategies over whole genotypes, on objectives that cost nothing: they learn, obey, repeat nothing and resume."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nas
from nas.config.search import LimitSettings, SearchOptions
from nas.errors import NasError, UsageError
from nas.objectives.constraints import Constraints, ExhaustedError
from nas.objectives.costs import GenotypeCosts
from nas.objectives.objectives import objectives_of
from nas.registry import STRATEGIES
from nas.space import Genotype, Space, space_from_document
from nas.strategies.base import DiscreteStrategy
from nas.strategies.optuna_sampler import genotype_of, params_of
from nas.tasks import get_task

SPACE = nas.load_space("jsm", overrides={"network.cells": 1})
TINY = space_from_document(
    {
        "format": "nas.space/1",
        "name": "tiny",
        "skeleton": "jsnet",
        "cells": {
            "operation": {
                "role": "operation",
                "nodes": 2,
                "inputs": "all",
                "candidates": ["none", "skip_connect", "srb", "sep_conv_3x3"],
                "merge": "sum",
            }
        },
        "network": {"width": 16, "cells": 1},
    }
)
LEARNING = ["evolution", "regularized_evolution", "local_search", "tpe"]
DISCRETE = ["random", *LEARNING]


def separable(space: Space) -> Callable[[Genotype], float]:
    """A sum of one number in 0..1 per decision; the largest is the number of decisions."""
    rng = np.random.default_rng(0)
    weights = [rng.permutation(len(d.choices)) / max(len(d.choices) - 1, 1) for d in space.decisions]
    return lambda g: float(sum(w[i] for w, i in zip(weights, space.encode(g), strict=True)))


QUALITY = separable(SPACE)


def fresh(name: str, seed: int, space: Space = SPACE, **settings: Any) -> DiscreteStrategy:
    strategy: DiscreteStrategy = STRATEGIES.get(name)(SearchOptions(**settings), space, seed)
    return strategy


def values_of(genotype: Genotype, strategy: DiscreteStrategy) -> dict[str, float]:
    vector = strategy.space.encode(genotype)
    known = {
        "psnr": QUALITY(genotype),
        "macs": float(vector[0]),
        "params": float(vector[1]),
        "latency": float(vector[2]),
    }
    return {name: known[name] for name in objectives_of(strategy.search)}


def play(strategy: DiscreteStrategy, trials: int, done: int = 0) -> list[Genotype]:
    """Trials ``done``..: every seventh is pruned, every eleventh fails."""
    asked = []
    for trial in range(done, trials):
        genotype = strategy.ask()
        asked.append(genotype)
        failed, pruned = trial % 11 == 10, trial % 7 == 6
        strategy.tell(genotype, None if failed else values_of(genotype, strategy), pruned=pruned and not failed)
    return asked


@pytest.mark.parametrize("name", LEARNING)
def test_learning_beats_chance_on_a_separable_objective(name: str) -> None:
    trials, seeds = 80, range(4)

    def best(strategy: DiscreteStrategy) -> float:
        found = -1.0
        for _ in range(trials):
            genotype = strategy.ask()
            found = max(found, QUALITY(genotype))
            strategy.tell(genotype, {"psnr": QUALITY(genotype)})
        return found

    chance = statistics.mean(best(fresh("random", s, trials=trials)) for s in seeds)
    learnt = statistics.mean(best(fresh(name, s, trials=trials, population=10)) for s in seeds)
    assert learnt > chance + 0.5, (learnt, chance)


def test_children_are_made_of_their_parents() -> None:
    strategy = fresh("evolution", 1, population=8)
    parents = [SPACE.encode(g) for g in play_all(strategy, 8)]
    children = [SPACE.encode(g) for g in play_all(strategy, 8)]
    elite = parents  # all of the first generation survive into the first elite
    inherited = [sum(any(c[i] == p[i] for p in elite) for i in range(len(c))) / len(c) for c in children]
    # uniform draws would find about 1 - (5/6)^8 = 0.77 of an operation's decisions among eight parents
    assert statistics.mean(inherited) > 0.9
    close = [max(sum(a == b for a, b in zip(c, p, strict=True)) for p in elite) for c in children]
    assert statistics.mean(close) >= 6  # of 12, where chance meets about 4
    assert len({*parents, *children}) == 16


def play_all(strategy: DiscreteStrategy, trials: int) -> list[Genotype]:
    asked = []
    for _ in range(trials):
        genotype = strategy.ask()
        asked.append(genotype)
        strategy.tell(genotype, values_of(genotype, strategy))
    return asked


@pytest.mark.parametrize("objectives", [["psnr"], ["psnr", "macs"], ["psnr", "macs", "params", "latency"]], ids=len)
@pytest.mark.parametrize("name", DISCRETE)
def test_a_search_continues_exactly_from_the_state_after_any_trial(name: str, objectives: list[str]) -> None:
    settings: dict[str, Any] = {"trials": 40, "population": 6, "objectives": objectives}
    whole = play(fresh(name, 3, **settings), 40)
    assert play(fresh(name, 3, **settings), 40) == whole
    assert len({g.hash for g in whole}) == 40
    for cut in (1, 6, 11, 13, 29):
        first = fresh(name, 3, **settings)
        begun = play(first, cut)
        second = fresh(name, 99, **settings)  # the generator, where there is one, comes from the state
        second.seed = 3
        second.load_state_dict(first.state_dict())
        assert begun + play(second, 40, cut) == whole, cut


@pytest.mark.parametrize("name", DISCRETE)
def test_different_seeds_propose_different_genotypes(name: str) -> None:
    assert play(fresh(name, 1), 3) != play(fresh(name, 2), 3)


@pytest.mark.parametrize("name", DISCRETE)
def test_every_genotype_of_a_small_space_is_proposed_once_and_then_none_is_left(name: str) -> None:
    strategy = fresh(name, 1, TINY, population=4)
    assert TINY.size() == 27
    asked = []
    for _ in range(TINY.size()):
        asked.append(strategy.ask())
        strategy.tell(asked[-1], {"psnr": 1.0})  # all alike: nothing to learn
    assert len({g.hash for g in asked}) == TINY.size()
    with pytest.raises(ExhaustedError, match=r"no further genotype to draw after 27 trials; lower search\.trials"):
        strategy.ask()


@pytest.fixture(scope="module")
def costs() -> GenotypeCosts:
    return GenotypeCosts(SPACE, get_task("sr_x2"))


@pytest.mark.parametrize("name", DISCRETE)
def test_proposals_keep_every_limit(name: str, costs: GenotypeCosts) -> None:
    drawn = [costs.of(SPACE.sample(s)) for s in range(300)]
    limits = LimitSettings(  # about one genotype in a thousand keeps both
        params=sorted(d["params"] for d in drawn)[8], macs=sorted(d["macs"] for d in drawn)[20]
    )
    strategy = fresh(name, 1, population=6)
    strategy.restrict(Constraints(SPACE, costs, limits))
    asked = play(strategy, 30)
    assert len({g.hash for g in asked}) == 30
    assert all(costs.within(g, limits) for g in asked)


@pytest.mark.parametrize("name", DISCRETE)
def test_the_only_genotype_within_a_limit_is_found(name: str, costs: GenotypeCosts) -> None:
    rows = [row for cell in costs.per_choice("params").values() for row in cell]
    least = costs.base("params") + sum(min(row.values()) for row in rows)
    strategy = fresh(name, 1)
    strategy.restrict(Constraints(SPACE, costs, LimitSettings(params=least)))
    genotype = strategy.ask()
    assert costs.of(genotype)["params"] == least


def test_a_limit_below_the_cheapest_genotype_is_refused_with_the_cost_of_that_genotype(costs: GenotypeCosts) -> None:
    with pytest.raises(NasError, match=r"no genotype .* keeps the limit of 100 params: the cheapest has \d+; raise"):
        Constraints(SPACE, costs, LimitSettings(params=100))


def test_the_excess_is_that_of_the_costs(costs: GenotypeCosts) -> None:
    limits = LimitSettings(params=100_000, macs=23e9)
    constraints = Constraints(SPACE, costs, limits)
    for seed in range(20):
        genotype = SPACE.sample(seed)
        assert constraints.violations(SPACE.encode(genotype)) == costs.violations(genotype, limits)
        assert constraints.allows(SPACE.encode(genotype)) == costs.within(genotype, limits)


def test_the_count_of_allowed_genotypes_agrees_with_enumeration() -> None:
    costs = GenotypeCosts(TINY, get_task("sr_x2"))
    every = [costs.of(TINY.decode(v))["params"] for v in Constraints(TINY).remaining(())]
    bound = sorted(every)[9]
    constraints = Constraints(TINY, costs, LimitSettings(params=bound))
    assert len(every) == 27 == Constraints(TINY).count()
    assert constraints.count() == sum(p <= bound for p in every)


@pytest.mark.parametrize(
    ("genetic", "objectives", "expected"),
    [("auto", 3, "Nsga2"), ("auto", 4, "Nsga3"), ("nsga3", 2, "Nsga3"), ("nsga2", 4, "Nsga2")],
)
def test_nsga3_is_used_for_more_than_three_objectives_or_when_asked_for(
    genetic: Any, objectives: int, expected: str
) -> None:
    names = ["psnr", "macs", "params", "latency"][:objectives]
    strategy = fresh("evolution", 1, population=3, genetic=genetic, objectives=names)
    play_all(strategy, 4)
    notes = strategy.state_dict()["history"][-1]["notes"]
    assert notes == {f"{expected}:generation": 1}


def test_a_search_with_too_few_trials_for_a_second_generation_warns() -> None:
    advice = fresh("evolution", 1, trials=8, population=16).advice()
    assert advice is not None and "lower search.population" in advice
    assert fresh("evolution", 1, trials=100, population=16).advice() is None


def test_only_the_values_of_the_last_proposal_can_be_told() -> None:
    strategy = fresh("tpe", 1)
    strategy.ask()
    with pytest.raises(NasError, match="was not asked for"):
        strategy.tell(SPACE.sample(123), {"psnr": 1.0})


def test_genotypes_and_optuna_parameters_are_each_others_inverse() -> None:
    for seed in range(5):
        genotype = SPACE.sample(seed)
        assert genotype_of(SPACE, params_of(SPACE, genotype)) == genotype


@pytest.mark.parametrize(
    ("objectives", "message"),
    [
        (["psnr", "mac"], r"unknown objective 'mac'; did you mean 'macs'\?"),
        (["macs"], "lack psnr"),
        (["psnr", "macs", "macs"], "given twice"),
    ],
)
def test_wrong_objectives_are_refused(objectives: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        objectives_of(SearchOptions(objectives=objectives))


def test_the_quality_comes_first_and_a_proxy_is_not_called_psnr() -> None:
    assert objectives_of(SearchOptions(objectives=["macs", "psnr"])) == ("psnr", "macs")
    assert objectives_of(SearchOptions(objectives=["macs", "psnr"], estimator="zero_cost")) == ("score", "macs")
