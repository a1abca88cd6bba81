"""The benchmark of search steps: every mode is timed, as a ratio to a weight step."""

from __future__ import annotations

import pytest

from nas.bench.search_step import ORDERS, step_modes, time_search_steps
from nas.config.reading import build
from nas.config.runs import SearchSettings
from nas.errors import UsageError
from nas.registry import STRATEGIES


@pytest.fixture
def settings() -> SearchSettings:
    return build(
        SearchSettings,
        space="jsm",
        task="sr_x2",
        data__batch=1,
        data__patch=32,
        threads=1,
        overrides={"network.cells": 1, "network.width": 8},
    )


DIFFERENTIABLE = [name for name in STRATEGIES.names() if STRATEGIES.get(name).differentiable]


@pytest.mark.parametrize("strategy", DIFFERENTIABLE)
def test_every_strategy_that_trains_a_supernet_has_its_steps_and_the_chosen_one_comes_first(
    strategy: str, settings: SearchSettings
) -> None:
    modes = step_modes(settings.model_copy(update={"strategy": strategy}))
    assert modes[0].name == f"{strategy}, weight step" and not modes[0].architecture
    assert {mode.settings.strategy for mode in modes} == set(DIFFERENTIABLE)
    for mode in modes:
        expected = next((o for name, o in ORDERS.items() if mode.name.endswith(f", {name}")), {})
        own = mode.settings.search.model_dump()
        assert {key: own[key] for key in expected} == expected
        assert mode.architecture is (not mode.name.endswith("weight step"))


def test_a_strategy_that_trains_no_supernet_is_refused(settings: SearchSettings) -> None:
    discrete = next(name for name in STRATEGIES.names() if not STRATEGIES.get(name).differentiable)
    with pytest.raises(UsageError, match=f"{discrete}.*no search step to time"):
        step_modes(settings.model_copy(update={"strategy": discrete}))


def test_every_mode_is_timed_against_the_weight_step(settings: SearchSettings) -> None:
    modes = [mode.name for mode in step_modes(settings)]
    # the n-th turn takes n seconds, whatever the machine does: all modes warm up, then as many turns are counted
    readings = iter([value for n in range(1, 2 * len(modes) + 1) for value in (0.0, float(n))])
    rows = time_search_steps(settings, repeats=1, clock=lambda: next(readings))
    counted = range(len(modes) + 1, 2 * len(modes) + 1)
    assert [r.mode for r in rows] == modes
    assert [r.seconds for r in rows] == [float(n) for n in counted]
    assert [r.ratio for r in rows] == [n / rows[0].seconds for n in counted]
