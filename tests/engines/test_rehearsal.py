"""The memory that a dry run names is what a run then takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nas.config.reading import build
from nas.config.runs import RetrainSettings, SearchSettings
from nas.engines import rehearsal
from nas.engines.rehearsal import MOST_PIXELS, SMALLER, measure, rehearse

#: of the cases of the program, which takes minutes for all nine
SIZES = ("search, first order, small", "search, second order, middle", "training, middle")
ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(not Path("/proc/self/status").exists() or not hasattr(os, "fork"), reason="Linux tells the peak")
def test_the_forecast_is_what_is_taken_within_15_percent_at_three_sizes(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.engines.memory_program", str(tmp_path), *SIZES],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    wrong = {name: pair for name, pair in found.items() if not 0.85 <= pair[0] / pair[1] <= 1.15}
    assert len(found) == 3 and wrong == {}


@pytest.mark.parametrize(
    ("batch", "patch", "tried"), [(1, 32, [1]), (4, 192, [4]), (8, 64, [8]), (9, 64, [2, 4]), (64, 96, [2, 4])]
)
def test_a_large_batch_is_forecast_from_smaller_ones(
    batch: int, patch: int, tried: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    class Nothing:
        def validate(self, step: int) -> dict[str, float]:
            return {}

        def state_dict(self) -> dict[str, float]:
            return {}

    def steps(settings: object, size: int, patch: int) -> tuple[Nothing, float]:
        seen.append(size)
        return Nothing(), 1.0 + 0.5 * size

    monkeypatch.setattr(rehearsal, "_steps", steps)
    monkeypatch.setattr(rehearsal, "own_resident_mib", lambda: 200.0)
    monkeypatch.setattr(rehearsal, "own_peak_mib", lambda: 230.0 + 50.0 * seen[-1])
    need = measure(build(SearchSettings, data__batch=batch, data__patch=patch), tmp_path)
    assert seen == tried and set(tried) <= {*SMALLER, batch}
    assert (need.imports, need.step, need.whole) == (200.0, 30.0 + 50.0 * batch, 30.0 + 50.0 * batch)
    assert need.seconds == 1.0 + 0.5 * batch
    assert MOST_PIXELS == 8 * 64**2


def test_the_largest_stage_counts(tmp_path: Path) -> None:
    stages = [{"steps": 5, "patch": 64, "batch": 8}, {"steps": 5, "patch": 128, "batch": 4}]
    settings = build(RetrainSettings, {"data": {"stages": stages}})
    assert rehearsal._largest_batch(settings) == (4, 128)


def test_what_cannot_be_tried_is_not_forecast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert rehearse(build(RetrainSettings)) is None
