"""The best genotype within limits: the optimum, exactly, or an error that says there is none."""

from __future__ import annotations

from collections import Counter
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import OptimizeResult

from nas.config.search import LimitSettings
from nas.errors import NasError
from nas.objectives import optimum
from nas.objectives.costs import GenotypeCosts
from nas.objectives.optimum import best_within, random_within, require_feasible, solve
from nas.space import Genotype, load_space
from nas.tasks import get_task
from tests.space.space_examples import tiny_space

Rows = list[np.ndarray[Any, Any]]


def total(rows: Rows, vector: Any) -> Any:
    return sum(row[k] for row, k in zip(rows, vector, strict=True))


def by_trying_everything(scores: Rows, costs: Rows, room: np.ndarray[Any, Any]) -> list[int] | None:
    """Best score first, then least costs in their order, then the first vector."""
    allowed = [v for v in product(*(range(len(s)) for s in scores)) if (total(costs, v) <= room).all()]
    return list(min(allowed, key=lambda v: (-total(scores, v), *total(costs, v)))) if allowed else None


@st.composite
def knapsacks(draw: st.DrawFn, scores: st.SearchStrategy[float]) -> tuple[Rows, Rows, np.ndarray[Any, Any]]:
    """A few edges with whole costs in units of up to 8 million, and limits at the cost of one of the choices."""
    sizes = draw(st.lists(st.integers(1, 4), min_size=1, max_size=5))
    metrics, unit = draw(st.integers(1, 3)), draw(st.sampled_from([1, 7, 230_400 * 36]))
    numbers = st.lists(st.integers(0, 9), min_size=metrics, max_size=metrics)
    costs = [unit * np.array([draw(numbers) for _ in range(n)], dtype=float).reshape(n, metrics) for n in sizes]
    room = total(costs, [draw(st.integers(0, n - 1)) for n in sizes]) - draw(st.sampled_from([0, unit]))
    return [np.array([draw(scores) for _ in range(n)]) for n in sizes], costs, room


@settings(max_examples=60, deadline=None, derandomize=True)
@given(knapsacks(st.integers(-3, 3).map(float)))
def test_of_all_choices_within_the_limits_it_is_the_best_and_of_equals_the_cheapest(
    case: tuple[Rows, Rows, np.ndarray[Any, Any]],
) -> None:
    scores, costs, room = case
    found, wanted = solve(scores, costs, room), by_trying_everything(scores, costs, room)
    assert (found is None) == (wanted is None)
    if found is not None:
        assert total(scores, found) == total(scores, wanted)
        assert total(costs, found).tolist() == total(costs, wanted).tolist()
        assert solve(scores, costs, room) == found


@settings(max_examples=60, deadline=None, derandomize=True)
@given(knapsacks(st.floats(-20, 0, allow_subnormal=False)))
def test_real_scores_are_maximised_with_and_without_breaking_ties(
    case: tuple[Rows, Rows, np.ndarray[Any, Any]],
) -> None:
    scores, costs, room = case
    wanted = by_trying_everything(scores, costs, room)
    for ties in (False, True):
        found = solve(scores, costs, room, ties=ties)
        assert (found is None) == (wanted is None)
        if found is not None:
            assert (total(costs, found) <= room).all()
            assert total(scores, found) == pytest.approx(total(scores, wanted), abs=1e-9)


@pytest.mark.parametrize("seed", range(8))
def test_measured_costs_that_are_no_whole_numbers_keep_their_limits(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores = [rng.normal(size=4) * 3 for _ in range(4)]
    costs = [rng.random((4, 2)) for _ in range(4)]
    room = total(costs, rng.integers(0, 4, size=4)) * (1 if seed % 2 else 1.1)  # exactly at one genotype, or above it
    found, wanted = solve(scores, costs, room), by_trying_everything(scores, costs, room + 1e-12)
    assert found == wanted


def test_an_answer_of_the_solver_that_breaks_a_limit_is_excluded(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the tolerances of HiGHS let everything through: the rows of the costs are taken away."""
    genuine, answers = optimum.milp, []

    def lax(objective: Any, *, constraints: Any, **options: Any) -> OptimizeResult:
        kept = [c for c in constraints if c.A.shape[0] > 1 or set(np.unique(c.A)) <= {0.0, 1.0}]
        answers.append(genuine(objective, constraints=kept, **options))
        return answers[-1]

    monkeypatch.setattr(optimum, "milp", lax)
    scores, costs = [np.array([3.0, 2.0, 1.0])] * 2, [np.array([[9.0], [4.0], [2.0]])] * 2
    assert solve(scores, costs, np.array([8.0]), ties=False) == [1, 1] and len(answers) > 1


def test_a_solver_that_gives_up_is_an_error_and_not_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*arguments: Any, **options: Any) -> OptimizeResult:
        return OptimizeResult(status=4, x=None, message="numerical difficulties")

    monkeypatch.setattr(optimum, "milp", fails)
    with pytest.raises(NasError, match="numerical difficulties"):
        solve([np.array([1.0, 0.0])] * 2, [np.array([[2.0], [1.0]])] * 2, np.array([3.0]))


def test_the_joint_space_is_solved_under_two_limits_at_once() -> None:
    space, task = load_space("jsm", overrides={"network.cells": 2}), get_task("sr_x2")
    costs, supernet = GenotypeCosts(space, task), space.supernet(task)
    torch.manual_seed(0)
    torch.nn.init.normal_(supernet.alphas_normal, std=2.0)
    torch.nn.init.normal_(supernet.alphas_attention, std=2.0)
    free = costs.of(supernet.genotype())
    limits = LimitSettings(params=free["params"] * 0.9, macs=free["macs"] * 0.85)
    found = best_within(supernet, costs, limits)
    assert costs.within(found, limits)
    logits = supernet.edge_probabilities()

    def log_probability(genotype: Genotype) -> float:
        return sum(
            float(torch.log(logits[name][row, edge.candidates.index(choice.block)]))
            for name, cell in space.cells.items()
            for row, (edge, choice) in enumerate(zip(cell.edges, genotype.cells[name], strict=True))
        )

    allowed = [g for g in space.neighbours(found) if costs.within(g, limits)]
    assert allowed and max(map(log_probability, allowed)) <= log_probability(found) + 1e-6


def test_a_limit_that_the_free_choice_keeps_leaves_it() -> None:
    space = tiny_space()
    costs, supernet = GenotypeCosts(space, get_task("sr_x2")), space.supernet("sr_x2")
    assert best_within(supernet, costs, LimitSettings(params=1e9)) == supernet.genotype()


def test_a_limit_exactly_at_a_genotype_s_cost_lets_it_through() -> None:
    space = tiny_space()
    costs = GenotypeCosts(space, get_task("sr_x2"))
    least = min(costs.of(g)["params"] for g in every_genotype())
    require_feasible(space, costs, LimitSettings(params=least))
    assert costs.of(random_within(space, costs, LimitSettings(params=least), 3))["params"] == least
    with pytest.raises(NasError, match=rf"smallest possible params {least:,.6g}"):
        require_feasible(space, costs, LimitSettings(params=least - 1))


def every_genotype() -> list[Genotype]:
    space = tiny_space()
    return [space.decode(v) for v in product(*(range(len(d.choices)) for d in space.decisions))]


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7])
def test_a_random_genotype_is_the_best_allowed_one_under_gumbel_scores(share: float) -> None:
    space = tiny_space()
    costs = GenotypeCosts(space, get_task("sr_x2"))
    everything = every_genotype()
    known = sorted(costs.of(g)["params"] for g in everything)
    limits = LimitSettings(params=known[0] + share * (known[-1] - known[0]))
    allowed = [g for g in everything if costs.within(g, limits)]
    for seed in range(10):
        rng = np.random.default_rng(seed)
        scores = [rng.gumbel(size=len(d.choices)) for d in space.decisions]
        wanted = max(allowed, key=lambda g, scores=scores: total(scores, space.encode(g)))  # type: ignore[misc]
        assert random_within(space, costs, limits, seed) == wanted


def test_without_a_limit_all_genotypes_are_drawn_alike() -> None:
    """Of 36 genotypes and 720 draws, each is expected 20 times; chi-square with 35 degrees of freedom, p = 0.001."""
    space = tiny_space()
    costs = GenotypeCosts(space, get_task("sr_x2"))
    drawn = Counter(random_within(space, costs, LimitSettings(), seed).hash for seed in range(720))
    assert len(every_genotype()) == 36
    assert sum((drawn[g.hash] - 20) ** 2 / 20 for g in every_genotype()) < 66.6


def test_limits_that_only_fail_together_are_told_apart() -> None:
    costs = [np.array([[0.0, 9.0], [9.0, 0.0]])]
    assert solve([np.zeros(2)], costs, np.array([5.0, 20.0])) == [0]
    assert solve([np.zeros(2)], costs, np.array([5.0, 5.0])) is None
