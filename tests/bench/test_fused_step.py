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
    own = {"data__batch": 1, "data__patch": 32, "threads": 1, "search__native": False}
    return build(SearchSettings, task="sr_x2", overrides=small, **own)


def test_ratios_are_taken_within_a_round_and_the_first_round_is_not_counted(
    settings: SearchSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fused_step, "peak_memory", lambda s, order, form: (300.0, {"plain": 200.0}.get(form, 50.0)))
    # by this clock the n-th timed step takes n seconds; the form that begins changes from round to round
    readings, ticks = iter([value for n in range(1, 7) for value in (0.0, float(n))]), count()
    found = compare_forms(settings, "weights", 2, clocks=(lambda: next(readings), lambda: float(next(ticks))))
    assert found.memory_ratio == 0.25
    assert (found.plain.cpu_seconds, found.fused.cpu_seconds) == ((4 + 5) / 2, (3 + 6) / 2)
    assert found.ratio == pytest.approx((4 / 3 + 5 / 6) / 2)
    assert found.low <= found.ratio <= found.high
    assert 0 < found.fused.launches < found.plain.launches
    assert (found.compiled, found.form, list(found.ratios)) == (None, "fused, torch gates", ["fused"])


def test_the_ratio_is_that_of_the_form_that_a_search_takes(
    settings: SearchSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks, plain = count(), fused_step._step
    monkeypatch.setattr(fused_step, "settled", lambda s: (s, ["supernet: fused, compiled gates"]))
    monkeypatch.setattr(fused_step, "_step", lambda s, order, form: plain(s, order, "plain"))
    monkeypatch.setattr(
        fused_step, "peak_memory", lambda s, order, form: (9.0, {"plain": 4.0, "fused": 2.0}.get(form, 1.0))
    )
    found = compare_forms(settings, "weights", 1, clocks=(lambda: float(next(ticks) ** 2),) * 2)
    assert list(found.ratios) == ["fused", "compiled"]
    assert (found.memory_ratio, found.ratios["fused"].memory_ratio) == (0.25, 0.5)
    assert found.ratio == found.ratios["compiled"].ratio != found.ratios["fused"].ratio


def test_memory_is_that_of_a_process_of_its_own(settings: SearchSettings) -> None:
    peak, own = fused_step.peak_memory(settings, "weights", "fused")
    assert 0 < own < peak


def test_unknown_orders_and_strategies_without_a_supernet_are_refused(settings: SearchSettings) -> None:
    with pytest.raises(UsageError, match="choose one of weights, first"):
        compare_forms(settings, "third")
    with pytest.raises(UsageError, match="trains no supernet"):
        compare_forms(settings.model_copy(update={"strategy": "random"}), "weights")
