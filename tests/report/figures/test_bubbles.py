"""Bubble figures: labels apart, measured and published told apart, the front right, files reproducible."""

from __future__ import annotations

import math
import random
import subprocess
import sys
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex

from nas.errors import NasError, UsageError
from nas.evaluation.rows import EvaluationRow as Row
from nas.report.figures.bubbles import MOST_LABELS, bubble_figure, bubbles, front_of_bubbles, in_frame
from nas.report.figures.labels import overlap, place_labels
from nas.report.figures.style import DARK, LIGHT, darkened, figure_bytes, save_figure
from nas.report.published import one_per_model
from results import published


def row(model: str, psnr: float, cost: float, parameters: int | None = 100_000, paper: bool = False) -> Row:
    source = "published: P" if paper else "measured"
    return Row(model, "sr_x2", "Set5", psnr=psnr, multiply_adds=int(cost), parameters=parameters, source=source)


def circles(axes: Axes) -> list[tuple[float, float, float]]:
    """Centre and radius in pixels of every marker."""
    found = []
    for drawn in axes.collections:
        if isinstance(drawn, PathCollection) and len(drawn.get_offsets()):
            places = axes.transData.transform(np.asarray(drawn.get_offsets()))
            sizes = np.broadcast_to(drawn.get_sizes(), len(places))
            radii = np.sqrt(sizes / math.pi) * axes.figure.dpi / 72
            found += [(float(x), float(y), float(r)) for (x, y), r in zip(places, radii, strict=True)]
    return found


LITERATURE = [r for r in published("sr_x2") if "ablation" not in r.source]
OURS = [row("jsnet-a", 37.93, 105e9, 476_431), row("jsnet-b", 37.8, 55e9, 250_000)]


@pytest.mark.parametrize("set_name", ["Set5", "B100", "Urban100"])
@pytest.mark.parametrize("ours", [OURS, OURS[:1], []])
def test_names_stand_in_the_axes_apart_and_on_no_marker(set_name: str, ours: list[Row]) -> None:
    rows = [replace(r, set=set_name) for r in ours]
    figure = bubble_figure([*rows, *LITERATURE], "sr_x2", set_name)
    figure.draw_without_rendering()
    panels = [figure.axes[0], *figure.axes[0].child_axes]
    names = [t for axes in panels for t in axes.texts]
    assert 5 < len(names) <= MOST_LABELS
    assert {r.model for r in ours} <= {t.get_text() for t in names}, "ours are always named"
    for axes in panels:
        boxes = {t.get_text(): t.get_window_extent() for t in axes.texts}
        for (a, first), (b, second) in combinations(boxes.items(), 2):
            assert not first.overlaps(second), f"{a} and {b} overlap"
        frame = axes.get_window_extent().padded(1)
        for name, box in boxes.items():
            assert frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1, name
            for x, y, r in circles(axes):
                near = min(max(x, box.x0), box.x1), min(max(y, box.y0), box.y1)
                assert math.hypot(near[0] - x, near[1] - y) >= r, f"{name} stands on a marker"


@pytest.mark.parametrize("set_name", ["Set5", "Urban100"])
def test_legend_and_overview_stand_inside_on_no_marker_and_on_no_name(set_name: str) -> None:
    figure = bubble_figure([*(replace(r, set=set_name) for r in OURS), *LITERATURE], "sr_x2", set_name)
    figure.draw_without_rendering()
    axes = figure.axes[0]
    inside = [axes.get_legend().get_window_extent(), *(i.get_window_extent() for i in axes.child_axes)]
    assert len(inside) == 2 and not inside[0].overlaps(inside[1])
    frame = axes.get_window_extent().padded(2)
    for box in inside:
        assert frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1
        assert not any(box.overlaps(t.get_window_extent()) for t in axes.texts)
        for x, y, r in circles(axes):
            near = min(max(x, box.x0), box.x1), min(max(y, box.y0), box.y1)
            assert math.hypot(near[0] - x, near[1] - y) >= r


@pytest.mark.parametrize("seed", range(5))
def test_placed_boxes_are_apart_in_a_crowd(seed: int) -> None:
    rng = random.Random(seed)
    centres = [(rng.uniform(150, 350), rng.uniform(150, 350)) for _ in range(30)]
    spots = place_labels(centres, [6.0] * 30, [(60.0, 11.0)] * 30, (0.0, 0.0, 500.0, 500.0))
    for a, b in combinations(spots, 2):
        assert overlap(np.array(a.box), np.array(b.box)) == 0
    assert all(min(s.box[:2]) >= 0 and max(s.box[2:]) <= 500 for s in spots)


def test_measured_bubbles_are_filled_and_published_ones_open() -> None:
    figure = bubble_figure([row("mine", 37, 1e9), row("theirs", 36.5, 2e9, paper=True)], "sr_x2", "Set5")
    drawn = [c for c in figure.axes[0].collections if isinstance(c, PathCollection) and len(c.get_offsets())]
    face = {tuple(np.asarray(c.get_offsets())[0]): to_hex(c.get_facecolor()[0]) for c in drawn}
    edge = {tuple(np.asarray(c.get_offsets())[0]): to_hex(c.get_edgecolor()[0]) for c in drawn}
    mine, theirs = (1e9, 37.0), (2e9, 36.5)
    assert face[mine] == edge[mine] != edge[theirs]
    assert face[theirs] == LIGHT.paper


def test_area_is_in_proportion_to_parameters() -> None:
    figure = bubble_figure([row("a", 37, 1e9, 1_000_000), row("b", 36, 2e9, 250_000)], "sr_x2", "Set5")
    drawn = [c for c in figure.axes[0].collections if isinstance(c, PathCollection) and len(c.get_offsets())]
    (both,) = drawn
    areas = {float(x): float(a) for (x, _), a in zip(np.asarray(both.get_offsets()), both.get_sizes(), strict=True)}
    assert areas[1e9] == pytest.approx(4 * areas[2e9])


def test_the_front_holds_what_no_other_beats() -> None:
    rows = [row("a", 36, 1e9), row("b", 35, 2e9), row("c", 37, 3e9), row("d", 37, 4e9), row("e", 38, 3e9)]
    assert [p.label for p in front_of_bubbles(bubbles(rows, "sr_x2", "Set5"))] == ["a", "e"]


def test_odd_models_leave_the_axes_and_stand_in_the_overview() -> None:
    rows = [row(f"m{i}", 37 + i / 50, (90 + i) * 1e9, paper=i > 2) for i in range(12)]
    odd = [row("giant", 38, 9e12, paper=True), row("poor", 31, 95e9, paper=True)]
    axes = bubble_figure([*rows, *odd], "sr_x2", "Set5").axes[0]
    low, high = axes.get_ylim()
    assert low > 35 and high < 39 and axes.get_xlim()[1] < 1e12
    (overview,) = axes.child_axes
    drawn = {tuple(place) for c in overview.collections for place in np.asarray(c.get_offsets())}
    assert {(9e12, 38.0), (95e9, 31.0)} <= drawn and len(drawn) == len(rows) + len(odd)
    assert {"giant", "poor"} <= {t.get_text() for t in overview.texts}
    assert not bubble_figure(rows, "sr_x2", "Set5").axes[0].child_axes, "nothing is odd, so there is no overview"


def test_our_own_models_stay_in_the_axes_for_longer() -> None:
    rows = [row(f"m{i}", 37.5 + i / 20, (90 + i) * 1e9, paper=True) for i in range(12)]
    for paper, shown in ((True, False), (False, True)):
        points = bubbles([*rows, row("x", 36.8, 95e9, paper=paper)], "sr_x2", "Set5")
        assert ("x" in {p.label for p in in_frame(points)[0]}) is shown


def test_half_a_decibel_is_shown_at_least() -> None:
    axes = bubble_figure([row("a", 37.01, 1e9), row("b", 37.02, 2e9)], "sr_x2", "Set5").axes[0]
    low, high = axes.get_ylim()
    assert high - low >= 0.5 and low < 37.01 < 37.02 < high


def test_a_model_of_two_papers_is_one_bubble_but_measured_stays() -> None:
    rows = [row("x", 37, 1e9), row("x", 36, 1e9, paper=True)]
    again = Row("x", "sr_x2", "Set5", psnr=35.0, multiply_adds=10**9, source="published: Q")
    assert one_per_model([*rows, again]) == rows


def test_nothing_to_plot_is_said() -> None:
    with pytest.raises(NasError, match="nothing to plot"):
        bubble_figure([Row("a", "sr_x2", "Set5", psnr=30.0)], "sr_x2", "Set5")


def test_unknown_parameters_have_a_symbol_of_their_own() -> None:
    figure = bubble_figure([row("alone", 37, 1e9, None)], "sr_x2", "Set5")
    assert [t.get_text() for t in figure.axes[0].texts] == ["alone"]
    entries = [t.get_text() for t in figure.axes[0].get_legend().get_texts()]
    assert "parameters unknown" in entries
    known = bubble_figure([row("alone", 37, 1e9, 1000)], "sr_x2", "Set5").axes[0]
    assert "parameters unknown" not in [t.get_text() for t in known.get_legend().get_texts()]
    shapes = [axes.collections[0].get_paths()[0].vertices.shape for axes in (figure.axes[0], known)]
    assert shapes[0] != shapes[1]


def test_three_files_are_written_the_png_at_300_dpi(tmp_path: Path) -> None:
    figure = bubble_figure(OURS, "sr_x2", "Set5", size=(4.0, 3.0))
    paths = save_figure(figure, tmp_path / "deep" / "bubbles")
    assert [p.name for p in paths] == ["bubbles.pdf", "bubbles.svg", "bubbles.png"]
    assert paths[0].read_bytes().startswith(b"%PDF")
    assert cv2.imread(str(paths[2])).shape[:2] == (900, 1200)
    with pytest.raises(UsageError, match="gif"):
        save_figure(figure, tmp_path / "x", ["gif"])


def test_the_same_rows_give_the_same_bytes() -> None:
    first, second = (figure_bytes(bubble_figure(OURS, "sr_x2", "Set5"), "svg") for _ in range(2))
    assert first == second


def test_a_darkened_drawing_has_no_colour_of_the_light_page() -> None:
    dark = darkened(
        figure_bytes(bubble_figure([*OURS, row("p", 37, 9e10, paper=True)], "sr_x2", "Set5"), "svg")
    ).lower()
    assert LIGHT.ink.encode() not in dark and LIGHT.paper.encode() not in dark
    assert DARK.ink.encode() in dark and DARK.paper.encode() in dark


def test_no_global_figure_state_is_touched() -> None:
    code = "import nas.report.page.html, nas.report.figures.crops, sys; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
