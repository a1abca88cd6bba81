"""Trials, archive, pace, film, correlation: a figure for what there is, the right numbers in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nas.errors import NasError
from nas.report.figures.animation import weight_film, weight_strip
from nas.report.figures.correlation import Pair, find_pairs, read_pairs, scatter
from nas.report.figures.history import hypervolume, rates, snapshots
from nas.report.figures.search import search_figure, search_figures
from nas.report.run_figures import write_diagnostics
from nas.train.events import Events, read_events, read_timing


def trials(count: int = 8) -> list[dict[str, Any]]:
    out: list[dict[str, Any]] = []
    for i in range(1, count + 1):
        state = ("complete", "complete", "pruned", "failed")[i % 4]
        value = {} if state == "failed" else {"psnr": 30.0 + i % 5}
        out.append({"step": i, "kind": "trial", "genotype": f"g{i}", "macs": 1e9 * i, "state": state, **value})
    for i in (2, 5, 7):
        points = [{"genotype": f"p{k}", "psnr": 30.0 + k, "macs": 1e9 * (k + 8 - i)} for k in range(1, i)]
        out.append({"step": i, "kind": "pareto", "points": points})
    return out


def weights(steps: int = 5) -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    out: list[dict[str, Any]] = []
    for step in range(1, steps + 1):
        cells = {"operation": rng.dirichlet([1] * 4, 3).tolist(), "attention": rng.dirichlet([1] * 5, 1).tolist()}
        out.append({"step": 10 * step, "kind": "architecture", "probabilities": cells})
    return out


def test_a_discrete_search_has_trials_archive_and_pace() -> None:
    timing = [{"step": 0, "kind": "start", "time": 0.0}]
    timing += [{"step": i, "kind": "trial", "time": 30.0 * i} for i in range(1, 9)]
    figures = search_figures(trials(), timing=timing)
    assert set(figures) == {"trials", "archive", "pace"}
    assert "8 trials in 4 min" in figures["pace"].axes[0].get_title(loc="left")
    best = next(x for x in figures["trials"].axes[0].lines if x.get_label() == "best so far")
    assert list(np.diff(best.get_ydata()) >= 0) == [True] * (len(best.get_ydata()) - 1)
    assert search_figure("trials", trials()) is not None and search_figure("losses", trials()) is None


def test_hypervolume_is_the_area_under_the_front() -> None:
    assert hypervolume([(2.0, 1.0), (3.0, 2.0)], (1.0, 4.0)) == pytest.approx(1 * 3 + 1 * 2)
    assert hypervolume([(2.0, 1.0), (1.5, 3.0)], (1.0, 4.0)) == pytest.approx(3.0), "a dominated point adds nothing"
    assert hypervolume([], (0.0, 1.0)) == 0.0


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
    unit, hours, rate = rates(timing)
    assert unit == "steps" and hours == pytest.approx([0.01, 0.03]) and rate == pytest.approx([1000.0, 500.0])


def test_events_keep_their_moments_beside_them_and_stay_free_of_time(tmp_path: Path) -> None:
    for resumed in (0, 1):
        events = Events(tmp_path, resumed)
        events.write(resumed + 1, "train", loss=1.0)
        events.close()
    assert read_events(tmp_path) == [{"step": s, "kind": "train", "loss": 1.0} for s in (1, 2)]
    moments = read_timing(tmp_path)
    assert [(t["step"], t["kind"]) for t in moments] == [(0, "start"), (1, "train"), (1, "start"), (2, "train")]
    assert all(t["time"] > 1e9 for t in moments)


def test_the_film_has_a_frame_a_moment_and_the_strip_a_panel_a_cell_and_moment(tmp_path: Path) -> None:
    names = {"candidates": {"operation": ("none", "skip_connect", "rb", "lrb")}, "edges": {"attention": ["0→1"]}}
    film = weight_film(weights(), tmp_path / "deep" / "weights.gif", frames=4, **names)
    with Image.open(film) as picture:
        assert (picture.format, picture.n_frames) == ("GIF", 4)  # type: ignore[attr-defined]
    strip = weight_strip(weights(), moments=3, **names)
    assert len(strip.axes) == 6
    assert [t.get_text() for t in strip.axes[0].get_xticklabels()] == ["none", "skip", "rb", "lrb"]
    assert strip.axes[2].get_title(loc="left") == "step 50"
    with pytest.raises(NasError, match="no architecture weights"):
        weight_film(trials(), tmp_path / "x.gif")


def test_the_film_is_the_same_bytes_again(tmp_path: Path) -> None:
    first, second = (weight_film(weights(2), tmp_path / f"{i}.gif").read_bytes() for i in range(2))
    assert first == second


def test_the_scatter_has_a_point_a_pair_and_tau_with_n() -> None:
    pairs = [{"supernet": 30 + i, "trained": 31 + (i ^ 1), "genotype": f"g{i}"} for i in range(6)]
    figure = scatter(pairs)
    assert len(figure.axes[0].collections[0].get_offsets()) == 6
    title = figure.axes[0].get_title(loc="left")
    assert title.startswith("Kendall's tau +0.60") and "n = 6" in title
    two = scatter([{**p, "arm": "ab"[i % 2]} for i, p in enumerate(pairs)])
    assert len(two.axes[0].collections) == 2 and "each" in two.axes[0].get_title(loc="left")
    with pytest.raises(NasError, match="at least two"):
        scatter(pairs[:1])


def test_pairs_are_found_in_statistics_and_odd_ones_left_out() -> None:
    assert read_pairs([(1.0, 2.0), {"x": 1.0, "y": None}, "ab", 3]) == [Pair(1.0, 2.0)]
    ranking = [{"arm": "darts", "seed": 2, "pairs": [{"supernet": 1.0, "trained": 2.0}]}]
    assert find_pairs({"arms": [], "ranking": ranking}) == [Pair(1.0, 2.0, "darts, seed 2")]
    assert find_pairs({"a": 1}) == []


def test_every_figure_of_a_run_is_written_as_files(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "events.jsonl").write_text("".join(json.dumps(e) + "\n" for e in [*trials(), *weights()]), encoding="utf-8")
    names = {p.name for p in write_diagnostics(run, tmp_path / "out")}
    assert names >= {"trials.pdf", "archive.svg", "weights_operation.png", "weights_strip.pdf", "weights.gif"}
    assert all((tmp_path / "out" / n).stat().st_size > 0 for n in names)
    (run / "events.jsonl").unlink()
    with pytest.raises(NasError, match="nothing to draw"):
        write_diagnostics(run, tmp_path / "none")
