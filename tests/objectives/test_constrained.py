"""Derivation within limits: the optimum, exactly, or the word that there is none."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch

from nas.config.search import LimitSettings
from nas.errors import NasError
from nas.objectives.costs import GenotypeCosts
from nas.objectives.optimum import best_within, random_within, require_feasible, solve
from nas.space import load_space
from nas.tasks import get_task
from tests.space.space_examples import tiny_space


def by_hand(scores: list[np.ndarray], costs: list[np.ndarray], room: np.ndarray) -> float | None:
    best = None
    for vector in product(*(range(len(s)) for s in scores)):
        used = sum(c[k] for c, k in zip(costs, vector, strict=True))
        if (used <= room).all():
            value = sum(s[k] for s, k in zip(scores, vector, strict=True))
            best = value if best is None else max(best, value)
    return best


@pytest.mark.parametrize("metrics", [1, 2, 3])
@pytest.mark.parametrize("seed", range(6))
def test_the_solver_finds_what_trying_everything_finds(seed: int, metrics: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 5, size=5)
    scores = [rng.normal(size=n) * 3 for n in sizes]
    costs = [rng.integers(0, 9, size=(n, metrics)).astype(float) for n in sizes]
    for tightness in (0.0, 0.3, 0.6):
        low, high = sum(c.min(axis=0) for c in costs), sum(c.max(axis=0) for c in costs)
        room = np.floor(low + tightness * (high - low))
        found, wanted = solve(scores, costs, room), by_hand(scores, costs, room)
        assert (found is None) == (wanted is None)
        if found is not None:
            assert (sum(c[k] for c, k in zip(costs, found, strict=True)) <= room).all()
            assert sum(s[k] for s, k in zip(scores, found, strict=True)) == pytest.approx(wanted, abs=1e-9)


def test_the_joint_space_is_solved_under_two_limits_at_once() -> None:
    space, task = load_space("jsm", overrides={"network.cells": 2}), get_task("sr_x2")
    costs, supernet = GenotypeCosts(space, task), space.supernet(task)
    torch.nn.init.normal_(supernet.alphas_normal, std=2.0)
    torch.nn.init.normal_(supernet.alphas_attention, std=2.0)
    free = costs.of(supernet.genotype())
    limits = LimitSettings(params=free["params"] * 0.9, macs=free["macs"] * 0.85)
    found = best_within(supernet, costs, limits)
    assert costs.within(found, limits)
    # no single exchange within the limits is likelier
    logits = supernet.edge_probabilities()

    def value(genotype: object) -> float:
        total = 0.0
        for name, cell in space.cells.items():
            for row, (edge, choice) in enumerate(zip(cell.edges, genotype.cells[name], strict=True)):  # type: ignore[attr-defined]
                total += float(torch.log(logits[name][row, edge.candidates.index(choice.block)]))
        return total

    assert not [g for g in space.neighbours(found) if costs.within(g, limits) and value(g) > value(found) + 1e-6]


def test_a_limit_that_does_not_bite_leaves_the_free_choice() -> None:
    space = tiny_space()
    costs, supernet = GenotypeCosts(space, get_task("sr_x2")), space.supernet("sr_x2")
    assert best_within(supernet, costs, LimitSettings(params=1e9)) == supernet.genotype()


def test_a_limit_exactly_at_a_genotype_s_cost_lets_it_through() -> None:
    space = tiny_space()
    costs = GenotypeCosts(space, get_task("sr_x2"))
    least = min(costs.of(space.decode(v))["params"] for v in product(range(2), range(3), range(2), range(3)))
    require_feasible(space, costs, LimitSettings(params=least))
    assert costs.of(random_within(space, costs, LimitSettings(params=least), 3))["params"] == least
    with pytest.raises(NasError, match=rf"smallest possible params {least:,.6g}"):
        require_feasible(space, costs, LimitSettings(params=least - 1))


def test_limits_that_only_fail_together_are_told_apart() -> None:
    costs = [np.array([[0.0, 9.0], [9.0, 0.0]])]
    assert solve([np.zeros(2)], costs, np.array([5.0, 20.0])) == [0]
    assert solve([np.zeros(2)], costs, np.array([5.0, 5.0])) is None
