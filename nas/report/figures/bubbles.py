"""Quality against cost: bubbles of measured and published models, and the front of the best."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend

from nas.errors import NasError
from nas.evaluation.rows import EvaluationRow
from nas.report.figures.axis import log_cost_axis, quality_axis
from nas.report.figures.frame import in_bulk
from nas.report.figures.labels import NamedPoint, write_labels
from nas.report.figures.numbers import format_count
from nas.report.figures.outliers import draw_overview
from nas.report.figures.pareto import pareto_front
from nas.report.figures.placement import free_place
from nas.report.figures.style import DARK, LIGHT, PRINT_WIDTH, SMALL, Style, Theme, literal, new_figure, style_axes
from nas.report.published import is_published, one_per_model

MIN_AREA, MAX_AREA = 14.0, 420.0  # points squared
#: area and symbol of a model whose number of parameters is unknown
UNKNOWN_AREA, UNKNOWN_MARKER = 42.0, "D"
#: names in the whole figure; more cannot be read
MOST_LABELS = 15
#: of these, names in the overview of all models
MOST_OUTSIDE = 5
#: decades: what counts as the interquartile range of the costs at least
LEAST_DECADES = 0.2
#: dB: what counts as the interquartile range of PSNR at least
LEAST_DECIBELS = 0.15


@dataclass(frozen=True)
class Bubble:
    """One model of the figure.

    Attributes:
        label: Its name.
        multiply_adds: At the output size of the row.
        psnr: In dB.
        parameters: How many; None where it is unknown, which is drawn as a symbol of its own.
        published: Whether the numbers are from a paper.
    """

    label: str
    multiply_adds: float
    psnr: float
    parameters: float | None
    published: bool


def bubbles(rows: Iterable[EvaluationRow], task: str, set: str) -> list[Bubble]:
    """The rows of one task and set that have PSNR and multiply-adds; a model published twice counts once."""
    chosen = one_per_model([r for r in rows if r.task == task and r.set == set and r.psnr is not None])
    return [
        Bubble(r.model, float(r.multiply_adds), float(r.psnr or 0.0), r.parameters, is_published(r))
        for r in chosen
        if r.multiply_adds
    ]


def bubble_figure(
    rows: Iterable[EvaluationRow],
    task: str,
    set: str,
    *,
    highlight: Sequence[str] = (),
    dark: bool = False,
    size: tuple[float, float] = (PRINT_WIDTH, 4.5),
) -> Figure:
    """PSNR (dB) over multiply-adds (logarithmic); the area of a bubble is in proportion to the parameters.

    Filled bubbles were measured, open ones are published, diamonds have an unknown number of parameters. A dashed line
    joins the Pareto front. The axes show the bulk of the models by quantiles; where some lie outside, an inset shows
    all. At most ``MOST_LABELS`` models are named: ours, those on the front, and the nearest rivals.

    Args:
        rows: Evaluation rows, of which those of the task and set are drawn.
        task: Name of a task.
        set: Name of a benchmark set.
        highlight: Names of published models that are to be bold; measured ones always are.
        dark: In colours for a dark page.
        size: Width and height in inches.

    Returns:
        The figure.

    Raises:
        NasError: No row has both PSNR and multiply-adds.
    """
    theme = DARK if dark else LIGHT
    rows = list(rows)
    everything = bubbles(rows, task, set)
    if not everything:
        raise NasError(
            f"no row of task {task!r} on {set!r} has both PSNR and multiply-adds, so there is nothing to plot; "
            "evaluate with costs or pass published rows"
        )
    points, _ = in_frame(everything)
    figure = new_figure(*size, theme)
    axes = figure.add_subplot()
    style_axes(axes, theme)
    _set_axes(axes, points, task, set, rows, theme)
    largest = max((p.parameters or 0.0 for p in everything), default=0.0)
    areas = [_area(p.parameters, largest) for p in points]
    _draw_front(axes, everything, theme)
    _draw_bubbles(axes, points, areas, theme)
    _write_names(figure, axes, theme, everything, points, areas, highlight)
    return figure


def _write_names(
    figure: Figure,
    axes: Axes,
    theme: Theme,
    everything: Sequence[Bubble],
    points: Sequence[Bubble],
    areas: Sequence[float],
    highlight: Sequence[str],
) -> None:
    """The legend, the overview of all models where some lie outside the axes, and names, none over another."""
    markers = [(p.multiply_adds, p.psnr, a) for p, a in zip(points, areas, strict=True)]
    outside = [p for p in everything if p not in points]
    named = _named(everything, outside, highlight)
    largest = max((p.parameters or 0.0 for p in everything), default=0.0)
    legend = _legend(axes, theme, everything, largest)
    figure.draw_without_rendering()
    extent = legend.get_window_extent()
    boxes = []
    if outside:
        boxes.append(draw_overview(figure, axes, theme, everything, [p for p in named if p in outside], markers))
    boxes.append(free_place(figure, axes, (extent.width + 6, extent.height), markers, boxes))
    frame = axes.get_window_extent()
    corner = (boxes[-1][0] - frame.x0) / frame.width, (boxes[-1][1] - frame.y0) / frame.height
    legend.set_bbox_to_anchor(corner, transform=axes.transAxes)
    written = [
        NamedPoint(p.multiply_adds, p.psnr, a, p.label, p.label in highlight or not p.published)
        for p, a in zip(points, areas, strict=True)
        if p in named
    ]
    unnamed = [m for p, m in zip(points, markers, strict=True) if p not in named]
    front = [(p.multiply_adds, p.psnr) for p in front_of_bubbles(everything)]
    write_labels(figure, axes, theme, written, unnamed, boxes, [front])


def front_of_bubbles(points: Sequence[Bubble]) -> list[Bubble]:
    """The bubbles that no other beats in both multiply-adds and PSNR, by growing cost."""
    return pareto_front(points, lambda p: p.multiply_adds, lambda p: p.psnr)


def in_frame(points: Sequence[Bubble]) -> tuple[list[Bubble], list[Bubble]]:
    """The bulk of the models by quantiles of PSNR and of multiply-adds, and those that lie outside it."""
    own = [not p.published for p in points]
    good = in_bulk([p.psnr for p in points], own, LEAST_DECIBELS)
    usual = in_bulk([math.log10(p.multiply_adds) for p in points], own, LEAST_DECADES)
    shown = [a and b for a, b in zip(good, usual, strict=True)]
    if not any(shown):  # every model is odd in one of the two
        shown = good
    inside, outside = (
        [p for p, there in zip(points, shown, strict=True) if there is wanted] for wanted in (True, False)
    )
    return inside, outside


def _named(points: Sequence[Bubble], outside: Sequence[Bubble], highlight: Sequence[str]) -> list[Bubble]:
    """The models whose names are written: ours, those on the front, then the nearest rivals of ours."""
    front = front_of_bubbles(points)
    ours = sorted((p for p in points if not p.published), key=lambda p: (p not in front, -p.psnr))
    chosen = [p for p in points if p.label in highlight]
    rivals = sorted((p for p in points if p.published and p not in front), key=lambda p: _distance(p, ours or front))
    ranking = list(dict.fromkeys([*ours[: MOST_LABELS - 3], *chosen, *front[::-1], *(p for p in rivals), *ours]))
    beyond = [p for p in ranking if p in outside][:MOST_OUTSIDE]
    return [p for p in ranking if p not in outside or p in beyond][:MOST_LABELS]


def _distance(point: Bubble, others: Sequence[Bubble]) -> float:
    """How far a model is from the nearest of others: a decade of cost counts as one dB."""
    return min(math.hypot(math.log10(point.multiply_adds / o.multiply_adds), point.psnr - o.psnr) for o in others)


def _draw_front(axes: Axes, points: Sequence[Bubble], theme: Theme) -> None:
    front = front_of_bubbles(points)
    if len(front) > 1:
        xs, ys = [p.multiply_adds for p in front], [p.psnr for p in front]
        style = (0, (4, 3))
        axes.plot(xs, ys, drawstyle="steps-post", color=theme.soft, linewidth=1.0, linestyle=style, zorder=1.5)


def _draw_bubbles(axes: Axes, points: Sequence[Bubble], areas: Sequence[float], theme: Theme) -> None:
    # small bubbles last, so that a large one never hides them
    members = sorted(zip(points, areas, strict=True), key=lambda m: -m[1])
    for published, known in product((True, False), (True, False)):
        alike = [(p, a) for p, a in members if p.published is published and (p.parameters is not None) is known]
        if not alike:
            continue
        colour = theme.colour(0 if published else 1)
        axes.scatter(
            [p.multiply_adds for p, _ in alike],
            [p.psnr for p, _ in alike],
            s=[a for _, a in alike],
            marker="o" if known else UNKNOWN_MARKER,
            linewidths=1.2,
            edgecolors=colour,
            facecolors=theme.paper if published else colour,
            alpha=0.9,
            zorder=2 if published else 3,
        )


def _area(parameters: float | None, largest: float) -> float:
    if parameters is None:
        return UNKNOWN_AREA
    return max(MIN_AREA, MAX_AREA * parameters / max(largest, 1.0))


def _set_axes(
    axes: Axes, points: Sequence[Bubble], task: str, set: str, rows: Iterable[EvaluationRow], theme: Theme
) -> None:
    log_cost_axis(axes, [p.multiply_adds for p in points], left=1.6)
    quality_axis(axes, [p.psnr for p in points])
    sizes = {r.cost_output for r in rows if r.task == task and r.set == set and r.multiply_adds} - {""}
    at = f" for a {sizes.pop().replace('x', ' × ')} output" if len(sizes) == 1 else ""
    axes.set_xlabel(literal(f"multiply-adds{at}"))
    axes.set_title(literal(f"{task} on {set}"), loc="left", fontsize=10, color=theme.ink)


def _legend(axes: Axes, theme: Theme, points: Sequence[Bubble], largest: float) -> Legend:
    handles: list[Artist] = []

    def entry(label: str, edge: str, face: str, area: float = 50.0, marker: str = "o") -> None:
        style: Style = {"edgecolors": edge, "facecolors": face, "marker": marker, "linewidths": 1.2}
        handles.append(axes.scatter([], [], s=area, label=label, **style))

    for published, name in ((False, "measured here"), (True, "published")):
        if any(p.published is published for p in points):
            colour = theme.colour(0 if published else 1)
            entry(name, colour, theme.paper if published else colour)
    if largest:
        for size in dict.fromkeys([_round(largest / 10), _round(largest / 2)]):
            entry(f"{format_count(size)} parameters", theme.soft, "none", _area(size, largest))
    if any(p.parameters is None for p in points):
        entry("parameters unknown", theme.soft, "none", UNKNOWN_AREA, UNKNOWN_MARKER)
    if len(front_of_bubbles(points)) > 1:
        handles += axes.plot([], [], color=theme.soft, linestyle=(0, (4, 3)), linewidth=1.0, label="Pareto front")
    legend = axes.legend(
        handles=handles,
        loc="lower left",
        fontsize=SMALL,
        frameon=True,
        framealpha=0.9,
        edgecolor="none",
        facecolor=theme.paper,
        labelspacing=0.7,
        borderaxespad=0.0,
    )
    legend.set_in_layout(False)
    for text in legend.get_texts():
        text.set_color(theme.ink)
    return legend


def _round(value: float) -> float:
    """The largest of 1, 2, 5 times a power of ten up to ``value``: a round number for a legend."""
    power = 10.0 ** math.floor(math.log10(max(value, 1.0)))
    return power * max(m for m in (1, 2, 5) if m * power <= max(value, 1.0))
