"""The benchmark of restoring: both ways make the same images, and a ratio is taken within a round."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nas.bench.restore import _bare, _photographs, time_restoring
from nas.images import read_image
from nas.restoration.files import restore_files
from tests.restoration.networks import Enlarger


@pytest.mark.parametrize("channels", [1, 3])
def test_the_bare_loop_makes_the_images_that_are_restored(channels: int, tmp_path: Path) -> None:
    network = Enlarger(channels)
    files = _photographs(tmp_path / "in", 2, 12, 14, channels)
    _bare(network, files, tmp_path / "bare", "cpu")
    restore_files(network, files, tmp_path / "out")
    for file in files:
        bare, restored = (read_image(tmp_path / way / file.name) for way in ("bare", "out"))
        assert bare.shape == restored.shape and np.abs(bare.astype(int) - restored.astype(int)).max() <= 1


def test_the_ratio_is_that_of_one_round_and_the_first_is_not_counted() -> None:
    # bare and restore in turns, backwards every second round; the first round takes no part
    readings = iter([0, 0, 0, 2, 2, 5, 5, 9, 9, 13])
    found = time_restoring("tiny", Enlarger(), 8, 9, images=2, rounds=2, clock=lambda: float(next(readings)))
    assert found.size == "9x8" and found.images == 2
    # round 1: restore 2 s, bare 3 s; round 2: bare 4 s, restore 4 s
    assert (found.low, found.ratio, found.high) == pytest.approx((1.125, 1.25, 1.375))
    assert (found.pace, found.bare_pace) == pytest.approx((2 / 3, 2 / 3.5))
