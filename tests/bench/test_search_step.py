"""The benchmark of search steps: every mode is timed, as a ratio to a weight step."""

from __future__ import annotations

import pytest

from nas.bench.search_step import MODES, REFERENCE, time_search_steps
from nas.config.reading import build
from nas.config.runs import SearchSettings


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


def test_every_mode_is_timed_against_the_weight_step(settings: SearchSettings) -> None:
    # the n-th turn takes n seconds, whatever the machine does: MODES of them warm up, then as many are counted
    readings = iter([value for n in range(1, 2 * len(MODES) + 1) for value in (0.0, float(n))])
    rows = time_search_steps(settings, repeats=1, clock=lambda: next(readings))
    counted = range(len(MODES) + 1, 2 * len(MODES) + 1)
    assert [r.mode for r in rows] == list(MODES)
    assert [r.seconds for r in rows] == [float(n) for n in counted]
    reference = next(r.seconds for r in rows if r.mode == REFERENCE)
    assert [r.ratio for r in rows] == [n / reference for n in counted]
