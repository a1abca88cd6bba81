"""The benchmark of data loading: what is timed, in which order, and what a ratio is."""

from __future__ import annotations

import multiprocessing
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from nas.bench.loading import PRELOADED, PRELOADED_AGAIN, time_loading
from nas.config.reading import build
from nas.config.runs import RetrainSettings
from nas.images import write_image


@pytest.fixture
def settings(tmp_path: Path) -> RetrainSettings:
    rng = np.random.default_rng(0)
    for i in range(4):
        write_image(tmp_path / f"photos/{i}.png", rng.integers(0, 256, (40, 40, 3)).astype(np.uint8))
    return build(
        RetrainSettings,
        None,
        ["data.validation=1"],
        model="jsnet_released",
        task="sr_x2",
        data__path=[str(tmp_path / "photos")],
        data__workers=0,
        data__batch=1,
        data__patch=32,
        threads=1,
        network={"cells": 1, "width": 8},
    )


class Clock:
    """Says the beginning and the end of each turn; those of the first round, which is not counted, take no time."""

    def __init__(self, rounds: list[list[float]]) -> None:
        lengths = [length for turns in rounds for length in turns]
        self.readings = iter([*([0.0] * 8), *(value for length in lengths for value in (100.0, 100.0 + length))])

    def __call__(self) -> float:
        return next(self.readings)


def test_a_ratio_is_taken_within_a_round_whose_order_alternates_and_the_first_is_not_counted(
    settings: RetrainSettings,
) -> None:
    # preloaded, again, files, cache in the second round; backwards in the first and the third
    rounds = [[2.0, 3.0, 2.5, 2.0], [4.0, 4.0, 6.0, 4.5], [2.0, 3.0, 2.5, 2.0]]
    rows = time_loading(settings, rounds=3, block=2, clock=Clock(rounds))
    assert [r.source for r in rows] == [
        PRELOADED,
        PRELOADED_AGAIN,
        "files, 0 workers",
        "memory-mapped cache, 0 workers",
    ]
    assert [r.seconds for r in rows] == [1.0, 1.25, 1.5, 1.0]
    assert [r.ratio for r in rows] == [1.0, 1.25, 1.5, 1.0]
    assert [(r.low, r.high) for r in rows] == [(1.0, 1.0), (1.125, 1.25), (1.5, 1.5), (1.0, 1.0625)]


@pytest.mark.parametrize("workers", [0, 2])
def test_every_way_is_run_and_leaves_nothing_behind(workers: int, settings: RetrainSettings, tmp_path: Path) -> None:
    settings.data.workers = workers
    rows = time_loading(settings, rounds=1, block=2, clock=lambda turns=count(): float(next(turns)))  # type: ignore[misc]
    assert not multiprocessing.active_children()
    assert rows[-1].source == f"memory-mapped cache, {workers} workers"
    assert [(r.seconds, r.ratio) for r in rows] == [(0.5, 1.0)] * 4  # one reading to the next, for two steps
    assert [p.name for p in tmp_path.iterdir()] == ["photos"]
