"""The comparison of the plain and the fused search step."""

from __future__ import annotations

from itertools import count

import pytest

from nas.bench import fused_step
from nas.bench.fused_step import compare_forms
from nas.config.reading import build
from nas.config.runs import SearchSettings
from nas.errors import UsageError


@pytest.fixture
def settings() -> SearchSettings:
    small = {"network.cells": 1, "network.width": 8, "cells.attention.candidates": ["skip_connect", "cea"]}
    return build(SearchSettings, task="sr_x2", data__batch=1, data__patch=32, threads=1, overrides=small)


def test_ratios_are_taken_within_a_round_and_the_first_round_is_not_counted(
    settings: SearchSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fused_step, "peak_memory", lambda s, order, fused: (300.0, 50.0 if fused else 200.0))
    # by this clock the n-th timed step takes n seconds; the form that begins changes from round to round
    readings, ticks = iter([value for n in range(1, 7) for value in (0.0, float(n))]), count()
    found = compare_forms(settings, "weights", 2, clocks=(lambda: next(readings), lambda: float(next(ticks))))
    assert found.memory_ratio == 0.25
    assert (found.plain.cpu_seconds, found.fused.cpu_seconds) == ((4 + 5) / 2, (3 + 6) / 2)
    assert found.ratio == pytest.approx((4 / 3 + 5 / 6) / 2)
    assert found.low <= found.ratio <= found.high
    assert 0 < found.fused.launches < found.plain.launches


def test_memory_is_that_of_a_process_of_its_own(settings: SearchSettings) -> None:
    peak, own = fused_step.peak_memory(settings, "weights", fused=True)
    assert 0 < own < peak


def test_unknown_orders_and_strategies_without_a_supernet_are_refused(settings: SearchSettings) -> None:
    with pytest.raises(UsageError, match="choose one of weights, first"):
        compare_forms(settings, "third")
    with pytest.raises(UsageError, match="trains no supernet"):
        compare_forms(settings.model_copy(update={"strategy": "random"}), "weights")
