"""Search diagnostics: a figure for what the events hold, none for what they lack, no failure on odd ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from nas.report.figures.curves import running_mean
from nas.report.figures.run_events import full_cell_edge, series
from nas.report.figures.search import search_figures
from nas.report.figures.style import figure_bytes


def events(steps: int = 6) -> list[dict[str, Any]]:
    out: list[dict[str, Any]] = []
    for step in range(1, steps + 1):
        out.append({"step": step, "kind": "train", "loss": 10 / step, "lr": 1e-3})
        weights = [[0.2, 0.3, 0.5]] * 3
        out.append(
            {
                "step": step,
                "kind": "architecture",
                "arch_loss": 11 / step,
                "counts": {"rb": 2, "skip_connect": 1},
                "entropy": {"operation": [1.0, 1.0, 0.9]},
                "probabilities": {"operation": weights},
                "skip_share": 0.3,
            }
        )
        out.append({"step": step, "kind": "validation", "psnr": 30 + step, "bicubic_psnr": 31.0})
    return out


def test_all_figures_of_a_search() -> None:
    figures = search_figures(events())
    assert list(figures) == ["losses", "validation", "entropy", "counts", "weights operation"]
    for figure in figures.values():
        assert figure_bytes(figure, "png", 50).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("train", {"losses"}),
        ("validation", {"validation"}),
        ("architecture", {"losses", "entropy", "counts", "weights operation"}),
        ("note", set()),
    ],
)
def test_what_is_missing_is_left_out(kind: str, names: set[str]) -> None:
    assert set(search_figures([e for e in events() if e["kind"] == kind])) == names


def test_no_events_give_no_figures() -> None:
    assert search_figures([]) == {}


def test_odd_events_are_passed_over() -> None:
    odd: list[dict[str, Any]] = [
        {"kind": "train", "loss": 1.0},
        {"step": 1, "kind": "train", "loss": math.nan},
        {"step": 2, "kind": "train", "loss": "high"},
        {"step": 3, "kind": "architecture", "entropy": {"operation": []}, "probabilities": {"operation": "?"}},
        {"step": 3, "kind": "architecture", "entropy": 3, "counts": [], "probabilities": {"operation": [[1], [1, 2]]}},
        {"step": 4, "kind": "train", "loss": 2.0},
        {"kind": "architecture", "step": None, "counts": {"rb": 1}},
    ]
    assert series(odd, "train", "loss") == ([4.0], [2.0])
    assert set(search_figures(odd)) == {"losses"}


def test_a_single_step_is_drawn() -> None:
    single, whole = search_figures(events(1)), search_figures(events())
    assert single.keys() == whole.keys()
    for figure in single.values():
        figure.draw_without_rendering()
        assert all(axes.has_data() for axes in figure.axes if axes.axison)


def test_the_heat_map_has_a_panel_for_each_edge_and_the_names_of_candidates() -> None:
    figure = search_figures(events(), candidates={"operation": ("none", "rb", "lrb")})["weights operation"]
    panels = [a for a in figure.axes if a.get_title(loc="left").startswith("edge")]
    assert [a.get_title(loc="left") for a in panels] == ["edge 0→1", "edge 0→2", "edge 1→2"]
    assert [t.get_text() for t in panels[0].get_yticklabels()] == ["none", "rb", "lrb"]
    unnamed = search_figures(events(), candidates={"operation": ("too", "few")})["weights operation"]
    assert unnamed.axes[0].get_yticklabels()[0].get_text() == "candidate 0"


def test_edges_are_named_in_the_order_of_a_full_cell() -> None:
    assert [full_cell_edge(i) for i in range(6)] == ["0→1", "0→2", "1→2", "0→3", "1→3", "2→3"]


def test_running_mean_is_the_mean_of_a_trailing_window() -> None:
    values = list(np.random.default_rng(0).normal(size=80))
    smooth = running_mean(values)
    assert smooth[0] == pytest.approx(values[0])
    assert smooth[50] == pytest.approx(np.mean(values[47:51]))
