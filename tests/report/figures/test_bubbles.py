"""Bubble figures: labels apart, measured and published told apart, the front right, files reproducible."""

from __future__ import annotations

import random
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex

from nas.errors import NasError, UsageError
from nas.evaluation.rows import EvaluationRow as Row
from nas.report.figures.bubbles import bubble_figure, bubbles, front_of_bubbles
from nas.report.figures.labels import overlap, place_labels
from nas.report.figures.style import DARK, LIGHT, darkened, figure_bytes, save_figure
from nas.report.published import one_per_model
from results import published


def row(model: str, psnr: float, cost: float, parameters: int | None = 100_000, paper: bool = False) -> Row:
    source = "published: P" if paper else "measured"
    return Row(model, "sr_x2", "Set5", psnr=psnr, multiply_adds=int(cost), parameters=parameters, source=source)


LITERATURE = [r for r in published("sr_x2") if "ablation" not in r.source]
OURS = [row("jsnet-a", 37.93, 105e9, 476_431), row("jsnet-b", 37.8, 55e9, 250_000)]


@pytest.mark.parametrize("set_name", ["Set5", "B100", "Urban100"])
@pytest.mark.parametrize("window", [True, False])
def test_no_two_labels_overlap_and_all_stand_in_the_axes(set_name: str, window: bool) -> None:
    figure = bubble_figure([*OURS, *LITERATURE], "sr_x2", set_name, window=window)
    figure.draw_without_rendering()
    axes = figure.axes[0]
    boxes = {t.get_text(): t.get_window_extent() for t in axes.texts}
    assert len(boxes) > 15
    for (a, first), (b, second) in combinations(boxes.items(), 2):
        assert not first.overlaps(second), f"{a} and {b} overlap"
    frame = axes.get_window_extent().padded(1)
    for name, box in boxes.items():
        assert frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1, name


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
    areas = {float(np.asarray(c.get_offsets())[0][0]): float(c.get_sizes()[0]) for c in drawn}
    assert areas[1e9] == pytest.approx(4 * areas[2e9])


def test_the_front_holds_what_no_other_beats() -> None:
    rows = [row("a", 36, 1e9), row("b", 35, 2e9), row("c", 37, 3e9), row("d", 37, 4e9), row("e", 38, 3e9)]
    assert [p.label for p in front_of_bubbles(bubbles(rows, "sr_x2", "Set5"))] == ["a", "e"]


def test_models_far_from_ours_are_named_below_the_frame_and_never_silently_dropped() -> None:
    rows = [row("mine", 37, 100e9), row("near", 37.1, 90e9, paper=True), row("giant", 38, 9e12, paper=True)]
    figure = bubble_figure(rows, "sr_x2", "Set5")
    assert {t.get_text() for t in figure.axes[0].texts} == {"mine", "near"}
    assert "giant" in figure.get_supxlabel()
    assert {t.get_text() for t in bubble_figure(rows, "sr_x2", "Set5", window=False).axes[0].texts} >= {"giant"}


def test_a_model_of_two_papers_is_one_bubble_but_measured_stays() -> None:
    rows = [row("x", 37, 1e9), row("x", 36, 1e9, paper=True)]
    again = Row("x", "sr_x2", "Set5", psnr=35.0, multiply_adds=10**9, source="published: Q")
    assert one_per_model([*rows, again]) == rows


def test_nothing_to_plot_is_said() -> None:
    with pytest.raises(NasError, match="nothing to plot"):
        bubble_figure([Row("a", "sr_x2", "Set5", psnr=30.0)], "sr_x2", "Set5")


def test_one_model_and_unknown_parameters_are_drawn() -> None:
    figure = bubble_figure([row("alone", 37, 1e9, None)], "sr_x2", "Set5")
    assert [t.get_text() for t in figure.axes[0].texts] == ["alone"]


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
