"""Quality against cost: bubbles of measured and published models, and the front of the best."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nas.errors import NasError
from nas.evaluation.rows import EvaluationRow
from nas.report.figures.axis import log_cost_axis, quality_axis
from nas.report.figures.labels import write_labels
from nas.report.figures.numbers import format_count
from nas.report.figures.pareto import pareto_front
from nas.report.figures.style import DARK, LIGHT, Theme, literal, new_figure, style_axes
from nas.report.published import is_published, one_per_model

MIN_AREA, MAX_AREA = 14.0, 520.0  # points squared


@dataclass(frozen=True)
class Bubble:
    """One model of the figure.

    Attributes:
        label: Its name.
        multiply_adds: At the output size of the row.
        psnr: In dB.
        parameters: How many; None where it is unknown, which is drawn smallest.
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
    window: bool = True,
    dark: bool = False,
    size: tuple[float, float] = (7.6, 4.6),
) -> Figure:
    """PSNR (dB) over multiply-adds (logarithmic); the area of a bubble is in proportion to the parameters.

    Filled bubbles were measured, open ones are published. A dashed line joins the Pareto front.

    Args:
        rows: Evaluation rows, of which those of the task and set are drawn.
        task: Name of a task.
        set: Name of a benchmark set.
        highlight: Names of published models that are to be bold; measured ones always are.
        window: Leave out published models far from the measured ones (without these, from the median), and name them
            below the axes.
        dark: In colours for a dark page.
        size: Width and height in inches.

    Returns:
        The figure.

    Raises:
        NasError: No row has both PSNR and multiply-adds.
    """
    theme = DARK if dark else LIGHT
    rows = list(rows)
    points, outside = _in_frame(bubbles(rows, task, set)) if window else (bubbles(rows, task, set), [])
    if not points:
        raise NasError(
            f"no row of task {task!r} on {set!r} has both PSNR and multiply-adds, so there is nothing to plot; "
            "evaluate with costs or pass published rows"
        )
    figure = new_figure(*size, theme)
    axes = figure.add_subplot()
    style_axes(axes, theme)
    _set_axes(axes, points, task, set, rows, theme)
    if outside:
        names = textwrap.fill("outside the frame: " + ", ".join(p.label for p in outside), 110)
        figure.supxlabel(literal(names), fontsize=6.5, color=theme.soft, x=0.01, ha="left")
    largest = max((p.parameters or 0.0 for p in points), default=0.0)
    areas = [_area(p.parameters, largest) for p in points]
    _draw_bubbles(axes, points, areas, theme)
    _legend(figure, axes, theme, points, largest)
    places = [(p.multiply_adds, p.psnr) for p in points]
    strong = [p.label in highlight or not p.published for p in points]
    write_labels(figure, axes, theme, places, areas, [p.label for p in points], strong)
    return figure


def front_of_bubbles(points: Sequence[Bubble]) -> list[Bubble]:
    """The bubbles that no other beats in both multiply-adds and PSNR, by growing cost."""
    return pareto_front(points, lambda p: p.multiply_adds, lambda p: p.psnr)


def _draw_bubbles(axes: Axes, points: Sequence[Bubble], areas: Sequence[float], theme: Theme) -> None:
    front = front_of_bubbles(points)
    if len(front) > 1:
        xs, ys = [p.multiply_adds for p in front], [p.psnr for p in front]
        axes.plot(xs, ys, drawstyle="steps-post", color=theme.soft, linewidth=1.0, linestyle=(0, (4, 3)), zorder=1.5)
    for published in (True, False):
        members = [(p, a) for p, a in zip(points, areas, strict=True) if p.published is published]
        # small bubbles last, so that a large one never hides them
        for point, area in sorted(members, key=lambda m: -m[1]):
            colour = theme.colour(0 if published else 1)
            face = theme.paper if published else colour
            axes.scatter(
                [point.multiply_adds],
                [point.psnr],
                s=area,
                linewidths=1.2,
                edgecolors=colour,
                facecolors=face,
                alpha=0.9,
                zorder=2 if published else 3,
            )


def _in_frame(points: Sequence[Bubble]) -> tuple[list[Bubble], list[Bubble]]:
    """Measured points and the published ones near them; the rest."""
    anchors = [p for p in points if not p.published] or list(points)
    costs = sorted(p.multiply_adds for p in anchors)
    quality = sorted(p.psnr for p in anchors)
    if anchors and anchors[0].published:
        costs, quality = costs[len(costs) // 2 :][:1], quality[len(quality) // 2 :][:1]
    near: list[Bubble] = []
    far: list[Bubble] = []
    for p in points:
        close = costs[0] / 6 <= p.multiply_adds <= costs[-1] * 6 and p.psnr >= quality[0] - 0.7
        (near if close or not p.published else far).append(p)
    return near, far


def _area(parameters: float | None, largest: float) -> float:
    if not parameters or not largest:
        return MIN_AREA
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


def _legend(figure: Figure, axes: Axes, theme: Theme, points: Sequence[Bubble], largest: float) -> None:
    handles: list[Artist] = []
    for published, name in ((False, "measured"), (True, "published")):
        if any(p.published is published for p in points):
            colour = theme.colour(0 if published else 1)
            handles.append(
                axes.scatter(
                    [], [], s=60, edgecolors=colour, facecolors=theme.paper if published else colour, label=name
                )
            )
    if largest:
        for size in dict.fromkeys([_round(largest / 10), _round(largest / 2)]):
            handles.append(
                axes.scatter(
                    [],
                    [],
                    s=_area(size, largest),
                    edgecolors=theme.soft,
                    facecolors="none",
                    label=f"{format_count(size)} parameters",
                )
            )
    if len(front_of_bubbles(points)) > 1:
        handles += axes.plot([], [], color=theme.soft, linestyle=(0, (4, 3)), linewidth=1.0, label="Pareto front")
    # beside the axes: a box inside them would cover bubbles
    legend = figure.legend(
        handles=handles, loc="outside right upper", fontsize=7.5, frameon=False, labelspacing=1.0, borderaxespad=0.4
    )
    for text in legend.get_texts():
        text.set_color(theme.ink)


def _round(value: float) -> float:
    """The largest of 1, 2, 5 times a power of ten up to ``value``: a round number for a legend."""
    power = 10.0 ** math.floor(math.log10(max(value, 1.0)))
    return power * max(m for m in (1, 2, 5) if m * power <= max(value, 1.0))
