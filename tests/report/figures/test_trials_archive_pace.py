"""Trials, the growth of the archive, and the pace of a search: a figure for what there is, the right numbers in it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nas.report.figures.archive import hypervolumes, snapshots
from nas.report.figures.pace import hourly_rates
from nas.report.figures.search import search_figure, search_figures
from tests.report.run_examples import trial_events


def test_a_discrete_search_has_trials_archive_and_pace() -> None:
    timing = [{"step": 0, "kind": "start", "time": 0.0}]
    timing += [{"step": i, "kind": "trial", "time": 30.0 * i} for i in range(1, 9)]
    figures = search_figures(trial_events(), timing=timing)
    assert set(figures) == {"trials", "archive", "pace"}
    assert "8 trials in 4 min" in figures["pace"].axes[0].get_title(loc="left")
    best = next(x for x in figures["trials"].axes[0].lines if x.get_label() == "best so far")
    assert list(np.diff(best.get_ydata()) >= 0) == [True] * (len(best.get_ydata()) - 1)
    assert search_figure("trials", trial_events()) is not None and search_figure("losses", trial_events()) is None


def test_the_hypervolume_of_the_archive_is_taken_against_the_worst_of_all_its_states() -> None:
    events: list[dict[str, Any]] = [
        {"step": 1, "kind": "pareto", "points": [{"psnr": 31.0, "macs": 4.0}]},
        {"step": 2, "kind": "pareto", "points": [{"psnr": 31.0, "macs": 4.0}, {"psnr": 30.0, "macs": 1.0}]},
        {"step": 3, "kind": "pareto", "points": [{"psnr": 33.0, "macs": 3.0}, {"psnr": 30.5, "macs": 1.0}]},
    ]
    names, states = snapshots(events)
    # the reference is 30 dB and just above 4 multiply-adds
    assert hypervolumes(states, names) == pytest.approx([0.0, 0.0, 3.0 * 1.0 + 0.5 * 2.0], abs=0.01)


def test_snapshots_name_the_objectives_quality_first_and_drop_odd_points() -> None:
    events: list[dict[str, Any]] = [
        {"step": 1, "kind": "pareto", "points": [{"macs": 3.0, "psnr": 30.0}, {"psnr": 31.0}, "odd"]},
        {"step": 2, "kind": "pareto", "points": 3},
    ]
    names, states = snapshots(events)
    assert names == ["psnr", "macs"]
    assert [s.points for s in states] == [({"macs": 3.0, "psnr": 30.0},)]


def test_rates_leave_out_the_pause_between_two_sessions() -> None:
    timing: list[dict[str, Any]] = [
        {"step": 0, "kind": "start", "time": 0.0},
        {"step": 10, "kind": "train", "time": 36.0},
        {"step": 0, "kind": "start", "time": 90_000.0},
        {"step": 10, "kind": "train", "time": 90_072.0},
    ]
    unit, hours, rate = hourly_rates(timing)
    assert unit == "steps" and hours == pytest.approx([0.01, 0.03]) and rate == pytest.approx([1000.0, 500.0])
