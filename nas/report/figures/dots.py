"""PSNR of every model on every set of a task, as a dot plot."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from nas.errors import NasError
from nas.evaluation.rows import EvaluationRow
from nas.report.figures.axis import two_decimals
from nas.report.figures.frame import bulk, widened
from nas.report.figures.labels import short_name
from nas.report.figures.numbers import format_psnr
from nas.report.figures.style import DARK, LIGHT, NOTE, PRINT_WIDTH, SMALL, Theme, literal, new_figure, style_axes
from nas.report.published import is_published, one_per_model

#: more published models than this could not be read: the best ones are kept
MOST_PUBLISHED = 14
#: more sets than this would not fit beside each other
MOST_PANELS = 5
#: dB: what counts as the interquartile range of PSNR at least
LEAST_DECIBELS = 0.15


class PlotLine(NamedTuple):
    """A line of the plot: a model, as measured or as published."""

    model: str
    published: bool


def dot_figure(rows: Iterable[EvaluationRow], task: str, *, dark: bool = False) -> Figure:
    """A line a model, a panel a set, a dot with its number at the PSNR (dB).

    Measured models are filled, published ones open with a dagger. Models far below all others, as bicubic is, become
    arrows at the left end, so that the others can be told apart. Models are ordered by their mean distance from the
    mean of each set, which the figure states. A panel spans at least 0.5 dB.

    Args:
        rows: Evaluation rows, of which those of the task are drawn.
        task: Name of a task.
        dark: In colours for a dark page.

    Returns:
        The figure, with the best ``MOST_PUBLISHED`` of the published models.

    Raises:
        NasError: No row of the task has a PSNR.
    """
    theme = DARK if dark else LIGHT
    members = [r for r in rows if r.task == task and r.psnr is not None]
    sets = list(dict.fromkeys(r.set for r in [r for r in members if not is_published(r)] or members))
    values = _values(one_per_model([r for r in members if r.set in sets]))
    if not values:
        raise NasError(f"no row of task {task!r} has a PSNR; evaluate models or pass published rows")
    lines = _ranked(values, sets)
    panels = min(len(sets), MOST_PANELS)
    figure = new_figure(min(1.9 + 1.75 * panels, PRINT_WIDTH), 1.15 + 0.2 * len(lines), theme)
    grid = figure.subplots(1, panels, squeeze=False, sharey=True)[0]
    for axes, set_name in zip(grid, sets, strict=False):
        style_axes(axes, theme)
        axes.grid(False, axis="x")
        _draw_dots(axes, lines, [values[line].get(set_name) for line in lines], theme)
        axes.set_title(literal(set_name), loc="left", fontsize=9, color=theme.ink)
        axes.tick_params(axis="y", length=0, labelsize=SMALL)
        axes.tick_params(axis="x", labelsize=NOTE)
        two_decimals(axes, "x", 3)
    grid[0].set_yticks(range(len(lines)), [literal(short_name(x.model)) + (" †" if x.published else "") for x in lines])
    grid[0].set_ylim(-0.7, len(lines) - 0.3)
    engine = figure.get_layout_engine()
    if isinstance(engine, ConstrainedLayoutEngine):
        engine.set(w_pad=0.08)  # a bold name is wider than the layout believes
    for label, line in zip(grid[0].get_yticklabels(), lines, strict=True):
        label.set_color(theme.soft if line.published else theme.ink)
        label.set_fontweight("normal" if line.published else "bold")
    complete = all(len(values[line]) == len(sets) for line in lines)
    order = "mean PSNR over the sets" if complete else "the mean distance from each set's mean"
    order = f"sorted by {order if len(sets) > 1 else 'PSNR'}"
    words = ["PSNR (dB); filled: measured, open and †: published;", f"{order}, the best on top"]
    below = [_span([v for line in lines if (v := values[line].get(s)) is not None])[0] for s in sets[:panels]]
    if any((values[line].get(s) or math.inf) < low for line in lines for s, low in zip(sets, below, strict=False)):
        words[-1] += "; arrow: further left"
    figure.supxlabel("\n".join(words), fontsize=8, color=theme.ink)
    return figure


def _values(rows: Iterable[EvaluationRow]) -> dict[PlotLine, dict[str, float]]:
    """For each line its PSNR on every set; of several rows the first."""
    values: dict[PlotLine, dict[str, float]] = {}
    for row in rows:
        line = values.setdefault(PlotLine(row.model, is_published(row)), {})
        line.setdefault(row.set, float(row.psnr or 0.0))
    return values


def _ranked(values: Mapping[PlotLine, Mapping[str, float]], sets: Sequence[str]) -> list[PlotLine]:
    """The lines that are drawn, the worst first."""
    means = {s: float(np.mean([v[s] for v in values.values() if s in v])) for s in sets}
    ranking = sorted(values, key=lambda k: -float(np.mean([v - means[s] for s, v in values[k].items()])))
    published = [line for line in ranking if line.published][:MOST_PUBLISHED]
    return [line for line in ranking if not line.published or line in published][::-1]


def _draw_dots(axes: Axes, lines: Sequence[PlotLine], values: Sequence[float | None], theme: Theme) -> None:
    left, right = _span([v for v in values if v is not None])
    known = [(i, line, v) for i, (line, v) in enumerate(zip(lines, values, strict=True)) if v is not None]
    for published, inside in product((True, False), (True, False)):
        alike = [(i, max(v, left)) for i, line, v in known if line.published is published and (v >= left) is inside]
        colour = theme.colour(0 if published else 1)
        face = theme.paper if published else colour
        style: dict[str, Any] = {"s": 24, "edgecolors": colour, "facecolors": face, "linewidths": 1.2, "zorder": 3}
        if alike:
            xs, ys = [x for _, x in alike], [i for i, _ in alike]
            axes.scatter(xs, ys, marker="o" if inside else "<", clip_on=False, **style)
    for place, line, value in known:
        axes.annotate(
            format_psnr(value),
            (max(value, left), place),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=NOTE,
            color=theme.soft if line.published else theme.ink,
        )
    axes.set_xlim(left, right)


def _span(values: Sequence[float]) -> tuple[float, float]:
    """Ends of an axis, with space for a number behind the last dot; values far below the others stay outside."""
    low, high = bulk(values, [False] * len(values), LEAST_DECIBELS)
    low, high = widened(low, max(high, *values))
    width = high - low
    return low - 0.15 * width, high + 0.5 * width
