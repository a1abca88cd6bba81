"""The benchmark of training: every part of a step has its time, and the shares add up."""

from __future__ import annotations

from itertools import count

import pytest

from nas.bench.train import PARTS, time_training
from nas.config.reading import build
from nas.config.runs import RetrainSettings


def test_every_reading_of_the_clock_belongs_to_one_part_and_warm_up_is_left_out() -> None:
    settings = build(
        RetrainSettings,
        None,
        ["data.validation=1", "train.log_every=1"],
        model="jsnet_released",
        task="sr_x2",
        data__workers=0,
        data__batch=2,
        data__patch=32,
        threads=1,
        network={"cells": 1, "width": 8},
    )
    ticks = count()
    found = time_training(settings, steps=3, clock=lambda: float(next(ticks)))
    # a clock that goes on by one at every reading: a step reads it once a part, and once more after averaging
    assert found.step_seconds == 6.0 and tuple(found.shares) == PARTS
    assert found.shares == pytest.approx(
        {"data": 1 / 6, "forward": 1 / 6, "backward": 1 / 6, "optimiser": 2 / 6, "logging": 1 / 6}
    )
    assert found.images_per_second == pytest.approx(2 / 6)
    assert (found.steps, found.batch, found.patch, found.threads) == (3, 2, 32, 1)
