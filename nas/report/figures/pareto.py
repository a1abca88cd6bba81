"""The best models for their cost: PSNR over multiply-adds and over parameters, with the Pareto fronts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import product
from typing import Any, NamedTuple, TypeVar

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nas.errors import NasError
from nas.evaluation.rows import EvaluationRow
from nas.report.figures.axis import log_cost_axis, quality_axis
from nas.report.figures.frame import bulk
from nas.report.figures.labels import NamedPoint, write_labels
from nas.report.figures.numbers import format_psnr
from nas.report.figures.style import DARK, LIGHT, PRINT_WIDTH, SMALL, Theme, literal, new_figure, style_axes
from nas.report.published import is_published, one_per_model

T = TypeVar("T")
#: area of a marker in points squared
MARKER_AREA = 26.0
#: names in a panel; more cannot be read
MOST_LABELS = 12
#: dB: what counts as the interquartile range of PSNR at least
LEAST_DECIBELS = 0.15
#: fields of a row that are costs -> label of the axis
COST_LABELS = {"multiply_adds": "multiply-adds", "parameters": "parameters"}


def pareto_front(items: Iterable[T], cost: Callable[[T], float], quality: Callable[[T], float]) -> list[T]:
    """Those that no other beats in both cost and quality; of equals the first.

    Args:
        items: Anything with a cost and a quality.
        cost: What is to be small.
        quality: What is to be large.

    Returns:
        The front by growing cost, and so by growing quality.
    """
    front: list[T] = []
    for item in sorted(items, key=lambda i: (cost(i), -quality(i))):
        if not front or quality(item) > quality(front[-1]):
            front.append(item)
    return front


class CostedModel(NamedTuple):
    """A point of the figure: a cost, PSNR in dB, and the row it is from."""

    cost: float
    psnr: float
    row: EvaluationRow


def pareto_figure(rows: Iterable[EvaluationRow], task: str, set: str, *, dark: bool = False) -> Figure:
    """PSNR over each known cost; only the models on a front are named, at most ``MOST_LABELS`` a panel.

    Measured models are filled, published ones open. A solid line joins the front of all, a dashed one that of the
    measured. The axis of PSNR shows the bulk of the models; those below it are triangles at its lower end, with their
    PSNR beside their names.

    Args:
        rows: Evaluation rows, of which those of the task and set are drawn.
        task: Name of a task.
        set: Name of a benchmark set.
        dark: In colours for a dark page.

    Returns:
        The figure.

    Raises:
        NasError: No row has both PSNR and a cost.
    """
    theme = DARK if dark else LIGHT
    members = one_per_model([r for r in rows if r.task == task and r.set == set and r.psnr is not None])
    drawn = [name for name in COST_LABELS if any(getattr(r, name) for r in members)]
    if not drawn:
        raise NasError(f"no row of task {task!r} on {set!r} has both PSNR and a cost, so there is no front to draw")
    figure = new_figure(PRINT_WIDTH if len(drawn) > 1 else 4.2, 3.5, theme)
    panels = figure.subplots(1, len(drawn), squeeze=False, sharey=True)[0]
    of_panel = [
        [CostedModel(float(getattr(r, name)), float(r.psnr or 0), r) for r in members if getattr(r, name)]
        for name in drawn
    ]
    floor = _limit(panels[0], [m for models in of_panel for m in models])
    for axes, name, models in zip(panels, drawn, of_panel, strict=True):
        style_axes(axes, theme)
        _draw_fronts(axes, models, theme)
        _draw_models(axes, models, floor, theme)
        log_cost_axis(axes, [m.cost for m in models])
        axes.set_xlabel(COST_LABELS[name])
    panels[0].set_title(literal(f"{task} on {set}: the best for their cost"), loc="left", fontsize=10, color=theme.ink)
    words = "filled: measured, open: published; line: front of all, dashed: front of the measured"
    if any(m.psnr < floor for models in of_panel for m in models):
        words += "; triangle: below the axis"
    figure.supxlabel(words, fontsize=SMALL, color=theme.soft, x=0.01, ha="left")
    for axes, models in zip(panels, of_panel, strict=True):
        _name(figure, axes, models, floor, theme)
    return figure


def _limit(axes: Axes, models: Sequence[CostedModel]) -> float:
    """Set the axis of PSNR to the bulk of the models; its lower end."""
    values, own = [m.psnr for m in models], [not is_published(m.row) for m in models]
    low, high = bulk(values, own, LEAST_DECIBELS)
    quality_axis(axes, [low, high])
    low, top = axes.get_ylim()
    axes.set_ylim(low, max(top, max(values) + 0.1 * (top - low)))
    return float(low)


def _fronts(models: Sequence[CostedModel]) -> tuple[list[CostedModel], list[CostedModel]]:
    """The front of all, and that of the measured."""
    measured = [m for m in models if not is_published(m.row)]
    both = (pareto_front(which, lambda m: m.cost, lambda m: m.psnr) for which in (models, measured))
    return next(both), next(both)


def _draw_fronts(axes: Axes, models: Sequence[CostedModel], theme: Theme) -> None:
    front, own = _fronts(models)
    line: dict[str, Any] = {"drawstyle": "steps-post", "zorder": 2}
    axes.plot([m.cost for m in front], [m.psnr for m in front], color=theme.soft, linewidth=1.2, **line)
    if 1 < len(own) < len(models):
        line |= {"linestyle": (0, (4, 3)), "linewidth": 1.1, "color": theme.colour(1)}
        axes.plot([m.cost for m in own], [m.psnr for m in own], **line)


def _draw_models(axes: Axes, models: Sequence[CostedModel], floor: float, theme: Theme) -> None:
    for published, below in product((True, False), (True, False)):
        alike = [m for m in models if is_published(m.row) is published and (m.psnr < floor) is below]
        colour = theme.colour(0 if published else 1)
        face = theme.paper if published else colour
        style: dict[str, Any] = {"edgecolors": colour, "facecolors": face, "linewidths": 1.1, "clip_on": False}
        style |= {"s": MARKER_AREA, "zorder": 3, "marker": "v" if below else "o"}
        if alike:
            axes.scatter([m.cost for m in alike], [max(m.psnr, floor) for m in alike], **style)


def _name(figure: Figure, axes: Axes, models: Sequence[CostedModel], floor: float, theme: Theme) -> None:
    front, own = _fronts(models)
    named = sorted({id(m): m for m in (*own, *front)}.values(), key=lambda m: -m.psnr)[:MOST_LABELS]
    points = []
    for model in named:
        words = model.row.model if model.psnr >= floor else f"{model.row.model}\n({format_psnr(model.psnr)})"
        strong = not is_published(model.row)
        points.append(NamedPoint(model.cost, max(model.psnr, floor), MARKER_AREA, words, strong))
    rest = [(m.cost, max(m.psnr, floor), MARKER_AREA) for m in models if m not in named]
    stairs = [[(m.cost, m.psnr) for m in line] for line in (front, own)]
    write_labels(figure, axes, theme, points, rest, fronts=stairs)
