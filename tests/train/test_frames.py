"""The trials of a search as a DataFrame."""

from __future__ import annotations

import math
from pathlib import Path

from nas.train.events import read_events
from nas.train.frames import trials_frame

ROOT = Path(__file__).parents[2]
EVENTS = [
    {"step": 1, "kind": "trial", "genotype": "aa", "psnr": 30, "params": 1000.0, "state": "complete", "steps": 20},
    {"step": 1, "kind": "validation", "psnr": 30.0},
    {"step": 2, "kind": "trial", "genotype": "bb", "state": "failed", "steps": 3, "reason": "diverged"},
    {"step": 3, "kind": "trial", "genotype": "cc", "psnr": 31.5, "params": 900.0, "state": "complete", "steps": 20},
]


def test_a_line_a_trial_in_their_order_with_nan_where_a_trial_failed() -> None:
    found = trials_frame(EVENTS)
    assert found["genotype"].tolist() == ["aa", "bb", "cc"] and "kind" not in found
    assert found["psnr"].tolist()[::2] == [30.0, 31.5] and math.isnan(found["psnr"][1])
    assert found["reason"].tolist() == ["", "diverged", ""]
    assert found.loc[found["psnr"].idxmax(), "genotype"] == "cc"


def test_types_do_not_depend_on_what_is_missing() -> None:
    found = trials_frame(EVENTS)
    kinds = {name: str(found[name].dtype) for name in ("step", "steps", "psnr", "params")}
    assert kinds == {"step": "Int64", "steps": "Int64", "psnr": "float64", "params": "float64"}


def test_a_search_without_trials_has_an_empty_frame() -> None:
    assert list(trials_frame(EVENTS[1:2]).columns) == ["step", "genotype", "state"]
    assert trials_frame([]).empty


def test_the_trials_of_a_stored_run_are_all_there() -> None:
    events = read_events(ROOT / "results/runs/evolution")
    found = trials_frame(events)
    trials = [e for e in events if e["kind"] == "trial"]
    assert found["step"].tolist() == [e["step"] for e in trials]
    assert found["score"].max() == max(e["score"] for e in trials)
