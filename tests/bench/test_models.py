"""The benchmark of networks: what is timed in which order, and what a ratio is."""

from __future__ import annotations

from itertools import accumulate, chain
from pathlib import Path

import pytest

import baselines
from nas.bench.device import device_name
from nas.bench.models import time_model


def test_a_ratio_is_taken_within_a_round_whose_order_alternates_and_the_first_is_not_counted() -> None:
    # (as written, optimised) of the counted rounds, in the order in which they run: forwards every second round
    turns = [(1.0, 2.0), (4.0, 2.0), (3.0, 6.0)]
    # the first round only starts the clock; every counted turn starts at the end of the one before
    readings = iter([0.0, 0.0, *chain.from_iterable((t, t + length) for t, length in _starts(turns))])
    model = baselines.create("jsnet", layers=1, C=8)
    found = time_model("tiny", model, 16, 18, rounds=3, clock=lambda: next(readings))
    # rounds 1 and 3 run the optimised form first
    assert (found.seconds, found.optimised_seconds) == (4.0, 2.0)
    assert (found.low, found.ratio, found.high) == (2.0, 2.0, 2.0)
    assert found.size == "18x16" and found.threads == 1 and found.device == device_name()
    assert found.memory_mib is None and found.memory_ratio is None


def _starts(turns: list[tuple[float, float]]) -> list[tuple[float, float]]:
    lengths = list(chain.from_iterable(turns))
    return list(zip(accumulate([0.0, *lengths]), lengths, strict=False))


def test_the_memory_of_each_form_is_that_of_a_process_of_its_own_above_an_empty_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    peaks = {"Nothing": 250.0, "JSNet": 350.0, "OptimizedModel": 290.0}
    monkeypatch.setattr(
        "nas.bench.models.peak_resident_mib", lambda model, *sizes, **options: peaks[type(model).__name__]
    )
    found = time_model("tiny", baselines.create("jsnet", layers=1, C=8), 16, 16, rounds=1, memory=True)
    assert (found.memory_mib, found.optimised_memory_mib, found.memory_ratio) == (100.0, 40.0, 0.4)


def test_the_processor_is_named_where_linux_names_it(tmp_path: Path) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\n", encoding="utf-8")
    assert device_name("cpu", info) == "Some CPU @ 2 GHz"
    assert device_name("cpu", tmp_path / "absent") != ""
