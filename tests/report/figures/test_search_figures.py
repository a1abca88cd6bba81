"""Search diagnostics: a figure for what the events hold, none for what they lack, no failure on odd ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_hex

from nas.report.figures.curves import running_mean
from nas.report.figures.run_events import full_cell_edge, series
from nas.report.figures.search import search_figures
from nas.report.figures.style import figure_bytes
from tests.report.run_examples import trial_events, weight_events


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


def names_of(events_of_run: list[dict[str, Any]]) -> dict[str, Any]:
    weights = next(e for e in events_of_run if "probabilities" in e)["probabilities"]["operation"]
    blocks = ["none", "rb", "lrb", "srb"][: len(weights[0])]
    return {"candidates": {"operation": blocks}, "unselectable": {"operation": ["none"]}}


def warmed_up() -> list[dict[str, Any]]:
    """A search whose architecture is trained from step 30 on, with ``none`` as heaviest at last."""
    out: list[dict[str, Any]] = []
    for step in range(10, 70, 10):
        moved = max(0.0, (step - 20) / 150)
        weights = [[1 / 3 + moved, 1 / 3, 1 / 3 - moved]] * 3
        entropy = [-sum(w * math.log(w) for w in row if w) for row in weights]
        trained = {"arch_loss": 1.0} if step > 20 else {}
        out.append({"step": step, "kind": "train", "loss": 1.0, **trained})
        logged = {"probabilities": {"operation": weights}, "entropy": {"operation": entropy}}
        out.append({"step": step, "kind": "architecture", "counts": {"rb": 3}, **logged})
    return out


def test_weights_are_on_one_scale_about_uniform_with_a_colour_bar() -> None:
    two_cells = weight_events()
    figures = search_figures(two_cells)
    scales = []
    for name in ("weights operation", "weights attention"):
        panels = [a for a in figures[name].axes if a.get_title(loc="left").startswith("edge")]
        meshes = [a.collections[0] for a in panels]
        scales += [(m.norm.vmin, m.norm.vcenter, m.norm.vmax) for m in meshes]
        assert figures[name].axes[-1].get_ylabel() == "weight / uniform weight"
    assert len(set(scales)) == 1 and scales[0][1] == 1.0
    low, high = scales[0][0], scales[0][2]
    values = [w * len(row) for e in two_cells for rows in e["probabilities"].values() for row in rows for w in row]
    assert low <= min(values) and high >= max(values) - 1e-9


def test_warm_up_is_greyed_up_to_the_last_untrained_step() -> None:
    figures = search_figures(warmed_up(), **names_of(warmed_up()))
    for name in ("entropy", "counts", "weights operation"):
        axes = figures[name].axes[0]
        (band,) = [p for p in axes.patches if p.get_gid() == "warm-up"]
        assert band.get_extents().transformed(axes.transData.inverted()).x1 == pytest.approx(20.0)
    plain = search_figures(events(), **names_of(events()))
    assert not [p for f in plain.values() for a in f.axes for p in a.patches if p.get_gid() == "warm-up"]


def test_what_cannot_be_chosen_is_shown_as_such_and_never_wins() -> None:
    found = search_figures(warmed_up(), **names_of(warmed_up()))
    panel = found["weights operation"].axes[0]
    assert [t.get_text() for t in panel.get_yticklabels()] == ["none (not selectable)", "rb", "lrb"]
    (hatched,) = [p for p in panel.patches if p.get_gid() == "not selectable"]
    assert hatched.get_hatch() and hatched.get_y() == -0.5
    winner = next(x for x in panel.lines if x.get_marker() == "<")
    assert list(winner.get_ydata()) == [1], "rb, though none is heavier"
    counted = [t.get_text() for t in found["counts"].axes[0].get_legend().get_texts()]
    assert "rb" in counted and "none" not in counted


def test_entropy_is_in_per_cent_of_the_maximum() -> None:
    axes = search_figures(warmed_up())["entropy"].axes[0]
    values = axes.lines[0].get_ydata()
    assert values[0] == pytest.approx(100.0) and 70 < values[-1] < 100
    assert "% of the maximum" in axes.get_ylabel()
    low, high = axes.get_ylim()
    assert low <= 96 and high > 100


def test_counts_have_a_panel_a_cell_and_one_colour_a_block() -> None:
    found = weight_events()
    names = {"operation": ["none", "rb", "lrb", "srb"], "attention": ["none", "skip_connect", "cea", "esab", "rb"]}
    panels = search_figures(found, candidates=names)["counts"].axes
    assert [a.get_title(loc="left") for a in panels] == ["operation cell", "attention cell"]
    colours: dict[str, set[str]] = {}
    for axes in panels:
        for area in axes.collections:
            colours.setdefault(area.get_label(), set()).add(to_hex(area.get_facecolor()[0]))
    assert all(len(c) == 1 for c in colours.values())
    assert len({c for cs in colours.values() for c in cs}) == len(colours)


def test_discrete_searches_have_no_loss_curve() -> None:
    losses = [{"step": i, "kind": "train", "loss": 40.0 - i} for i in range(1, 9)]
    assert "losses" in search_figures(losses)
    assert "losses" not in search_figures([*losses, *trial_events()])


def test_validation_spans_half_a_decibel() -> None:
    found = [{"step": s, "kind": "validation", "psnr": 30 + s / 1000} for s in (1, 2, 3)]
    low, high = search_figures(found)["validation"].axes[0].get_ylim()
    assert high - low >= 0.5
