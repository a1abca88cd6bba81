"""Dot plots, fronts, latency: what is drawn, what is told apart, that names do not collide."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from nas.errors import NasError
from nas.evaluation.rows import EvaluationRow as Row
from nas.report.comparison import comparison_figures, write_comparison
from nas.report.figures.dots import MOST_PUBLISHED, dot_figure
from nas.report.figures.labels import overlap, place_labels
from nas.report.figures.latency import latency_figure
from nas.report.figures.pareto import pareto_figure, pareto_front
from nas.report.figures.style import LIGHT
from results import published


def row(model: str, psnr: float, set_name: str = "Set5", **more: object) -> Row:
    return Row(model, "sr_x2", set_name, psnr=psnr, **more)  # type: ignore[arg-type]


def timed(median: float, device: str = "cpu") -> dict[str, object]:
    return {"latency_median_ms": median, "latency_spread_ms": median / 10, "device": device}


OURS = [
    row("bicubic", 33.67, parameters=0, multiply_adds=0),
    row("mine", 37.5, parameters=200_000, multiply_adds=50 * 10**9, **timed(20.0)),
    row("big", 37.9, parameters=400_000, multiply_adds=90 * 10**9, **timed(45.0)),
    row("mine", 33.0, "Set14", parameters=200_000, multiply_adds=50 * 10**9),
]
LITERATURE = [r for r in published("sr_x2") if "ablation" not in r.source]


def dots_of(figure: Figure, panel: int = 0) -> list[PathCollection]:
    return [c for c in figure.axes[panel].collections if isinstance(c, PathCollection) and len(c.get_offsets())]


def test_the_dot_plot_has_a_panel_a_set_and_a_line_a_model() -> None:
    figure = dot_figure([*OURS, *LITERATURE], "sr_x2")
    assert [a.get_title(loc="left") for a in figure.axes] == ["Set5", "Set14"]
    names = [t.get_text() for t in figure.axes[0].get_yticklabels()]
    assert sum(n.endswith("†") for n in names) == MOST_PUBLISHED
    assert [n for n in names if not n.endswith("†")] == ["bicubic", "mine", "big"], "the best stands on top"


def test_measured_dots_are_filled_and_published_ones_open() -> None:
    figure = dot_figure([row("mine", 37.0), row("theirs", 36.0, source="published: P")], "sr_x2")
    faces = [to_hex(c.get_facecolor()[0]) for c in dots_of(figure)]
    assert faces == [LIGHT.paper, LIGHT.colour(1).lower()]


def test_a_reference_far_below_does_not_flatten_the_rest() -> None:
    odd = [row("bicubic", 20.0), row("worse", 19.0)]
    figure = dot_figure([*odd, *[row(f"m{i}", 37 + i / 10) for i in range(7)]], "sr_x2")
    low, high = figure.axes[0].get_xlim()
    assert low > 36 and high < 39
    assert {"20.00", "19.00"} <= {t.get_text() for t in figure.axes[0].texts}, "their numbers are still there"
    assert "arrow: further left" in figure.get_supxlabel()


def test_dots_span_half_a_decibel_have_two_decimals_and_state_their_order() -> None:
    rows = [row(m, p, s) for m, p in (("a", 37.0), ("b", 37.01)) for s in ("Set5", "Set14")]
    figure = dot_figure(rows, "sr_x2")
    figure.draw_without_rendering()
    for axes in figure.axes:
        low, high = axes.get_xlim()
        assert high - low >= 0.5
        assert {t.get_text() for t in axes.texts} == {"37.00", "37.01"}
        assert all(len(t.get_text().partition(".")[2]) == 2 for t in axes.get_xticklabels())
    assert "sorted by mean PSNR over the sets, the best on top" in figure.get_supxlabel()
    assert "distance from each set's mean" in dot_figure(rows[:-1], "sr_x2").get_supxlabel()


def test_fronts_span_half_a_decibel_have_two_decimals_and_keep_odd_models_at_the_end_of_the_axis() -> None:
    cost = {"parameters": 1000, "multiply_adds": 10**9}
    axes = pareto_figure([row("a", 37.0, **cost), row("b", 37.01, **cost)], "sr_x2", "Set5").axes[0]
    assert axes.get_ylim()[1] - axes.get_ylim()[0] >= 0.5
    assert all(len(t.get_text().partition(".")[2]) == 2 for t in axes.get_yticklabels() if t.get_text())
    rows = [row(f"m{i}", 37 + i / 10, multiply_adds=(9 + i) * 10**9) for i in range(8)]
    figure = pareto_figure([*rows, row("poor", 25.0, multiply_adds=10**9)], "sr_x2", "Set5")
    assert figure.axes[0].get_ylim()[0] > 35
    assert "poor\n(25.00)" in {t.get_text() for t in figure.axes[0].texts}
    assert "triangle: below the axis" in figure.get_supxlabel()


def test_the_front_is_what_no_other_beats() -> None:
    points = [(1.0, 36.0), (2.0, 35.0), (3.0, 37.0), (4.0, 37.0), (3.0, 38.0)]
    assert pareto_front(points, lambda p: p[0], lambda p: p[1]) == [(1.0, 36.0), (3.0, 38.0)]


@pytest.mark.parametrize("make", [pareto_figure, latency_figure])
def test_names_do_not_collide_and_nothing_to_draw_is_said(make: object) -> None:
    figure = make([*OURS, *LITERATURE], "sr_x2", "Set5")  # type: ignore[operator]
    figure.draw_without_rendering()
    for axes in figure.axes:
        boxes = [(t.get_text(), t.get_window_extent()) for t in axes.texts]
        assert 0 < len(boxes) <= 15
        for marker in axes.collections:
            if isinstance(marker, PathCollection) and len(marker.get_offsets()):
                for x, y in axes.transData.transform(np.asarray(marker.get_offsets())):
                    assert not any(box.contains(x, y) for _, box in boxes)
        for (a, first), (b, second) in combinations(boxes, 2):
            assert not first.overlaps(second), f"{a} and {b} overlap"
    with pytest.raises(NasError, match="has"):
        make([row("x", 30.0)], "sr_x2", "Set5")  # type: ignore[operator]


def test_the_fronts_stand_over_both_costs_and_free_models_do_not_widen_them() -> None:
    figure = pareto_figure([*OURS, *LITERATURE], "sr_x2", "Set5")
    assert [a.get_xlabel() for a in figure.axes] == ["multiply-adds", "parameters"]
    assert figure.axes[0].get_ylim()[0] > 35
    assert "bicubic" not in {t.get_text() for a in figure.axes for t in a.texts}


def test_devices_are_told_apart() -> None:
    rows = [*OURS, row("mine", 37.5, **timed(2.0, "cuda"))]
    figure = latency_figure(rows, "sr_x2", "Set5")
    assert [t.get_text() for t in figure.legends[0].get_texts()] == ["cpu", "cuda"]


def test_names_keep_off_obstacles_where_they_can() -> None:
    wall = (108.0, 90.0, 200.0, 110.0)  # right of the point, where a name would go first
    (spot,) = place_labels([(100.0, 100.0)], [3.0], [(50.0, 10.0)], (0.0, 0.0, 300.0, 200.0), obstacles=[wall])
    assert overlap(np.array(spot.box), np.array(wall)) == 0


def test_compare_draws_what_the_rows_allow(tmp_path: Path) -> None:
    stems = [stem for stem, _ in comparison_figures([*OURS, *LITERATURE], [("sr_x2", "Set5")])]
    assert stems == ["bubbles_sr_x2_Set5", "pareto_sr_x2_Set5", "latency_sr_x2_Set5", "dots_sr_x2"]
    made = write_comparison(
        [Row("net", "derain", "rain", psnr=30.0), Row("id", "derain", "rain", psnr=25.0)], [], tmp_path
    )
    assert {p.stem for p in made.files if p.suffix == ".pdf"} == {"dots_derain"}
