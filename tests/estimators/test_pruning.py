"""Which trials are stopped early, and where."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.config.search import SearchOptions
from nas.estimators.pruning import rungs, should_stop
from nas.objectives.pareto import dominates


def halving(**more: object) -> SearchOptions:
    return SearchOptions.model_validate({"pruning": True, "trial_steps": 90, "reduction": 3, **more})


def test_the_rungs_are_the_steps_divided_by_the_reduction() -> None:
    assert rungs(halving()) == (10, 30)
    assert rungs(halving(reduction=2)) == (22, 45)
    assert rungs(halving(trial_steps=2)) == () and rungs(halving(trial_steps=3)) == (1,)
    assert rungs(SearchOptions(trial_steps=90)) == ()


def psnrs(*values: float) -> list[dict[str, float]]:
    return [{"psnr": v} for v in values]


def test_the_best_third_continues_and_one_of_the_first_trials_only_if_none_was_better() -> None:
    assert not should_stop({"psnr": 20.0}, [], halving())
    assert not should_stop({"psnr": 21.0}, psnrs(20.0), halving())
    assert should_stop({"psnr": 19.0}, psnrs(20.0), halving())
    others = psnrs(20, 21, 22, 23, 24)
    assert not should_stop({"psnr": 23.5}, others, halving())  # second of six
    assert should_stop({"psnr": 22.5}, others, halving())  # third of six
    assert not should_stop({"psnr": 22.5}, others, halving(reduction=2))


@given(st.lists(st.integers(0, 30).map(float), max_size=20), st.integers(0, 30).map(float), st.integers(2, 4))
def test_the_rule_is_that_of_optunas_successive_halving(others: list[float], value: float, reduction: int) -> None:
    from optuna.pruners._successive_halving import _is_trial_promotable_to_next_rung
    from optuna.study import StudyDirection

    goes_on = _is_trial_promotable_to_next_rung(value, [*others, value], reduction, StudyDirection.MAXIMIZE)
    assert should_stop({"psnr": value}, psnrs(*others), halving(reduction=reduction)) is not goes_on


points = st.fixed_dictionaries({"psnr": st.integers(0, 4).map(float), "macs": st.integers(0, 4).map(float)})


@given(st.lists(points, max_size=8), points)
def test_with_several_objectives_exactly_the_dominated_trials_are_pruned(
    others: list[dict[str, float]], values: dict[str, float]
) -> None:
    names = ("psnr", "macs")
    expected = any(dominates(o, values, names) for o in others)
    assert should_stop(values, others, halving(objectives=list(names))) is expected


@pytest.mark.parametrize("objectives", [["psnr"], ["psnr", "macs"]])
def test_a_diverged_trial_is_pruned_and_never_leads_to_the_pruning_of_another(objectives: list[str]) -> None:
    broken = {"psnr": math.nan, "macs": 1.0}
    sound = {"psnr": 20.0, "macs": 2.0}
    assert should_stop(broken, [sound], halving(objectives=objectives))
    assert not should_stop(sound, [broken], halving(objectives=objectives))
