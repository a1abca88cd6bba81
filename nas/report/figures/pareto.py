"""The best models for their cost: PSNR over multiply-adds and over parameters, with the Pareto fronts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nas.errors import NasError
from nas.evaluation.rows import EvaluationRow
from nas.report.figures.axis import log_cost_axis
from nas.report.figures.labels import write_labels
from nas.report.figures.style import DARK, LIGHT, Theme, literal, new_figure, style_axes
from nas.report.published import is_published, one_per_model

T = TypeVar("T")
#: area of a marker in points squared
MARKER_AREA = 26.0
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
    """PSNR over each known cost; only the models on a front are named.

    Measured models are filled, published ones open. A solid line joins the front of all, a dashed one that of the
    measured.

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
    figure = new_figure(4.2 * len(drawn), 3.7, theme)
    panels = figure.subplots(1, len(drawn), squeeze=False, sharey=True)[0]
    labelled = []
    for axes, name in zip(panels, drawn, strict=True):
        style_axes(axes, theme)
        models = [CostedModel(float(getattr(r, name)), float(r.psnr or 0), r) for r in members if getattr(r, name)]
        on_a_front = _draw_models(axes, models, theme)
        log_cost_axis(axes, [m.cost for m in models])
        axes.set_xlabel(COST_LABELS[name])
        labelled.append(
            (axes, [m for m in models if m[:2] in on_a_front], [m for m in models if m[:2] not in on_a_front])
        )
    qualities = [m.psnr for _, named, rest in labelled for m in (*named, *rest)]
    low, high = min(qualities), max(qualities)
    panels[0].set_ylim(low - 0.1 * (high - low or 0.1), high + 0.14 * (high - low or 0.1))
    panels[0].set_ylabel("PSNR (dB)")
    panels[0].set_title(literal(f"{task} on {set}: the fronts"), loc="left", fontsize=10, color=theme.ink)
    words = "filled: measured, open: published; solid: front of all, dashed: of the measured"
    figure.supxlabel(words, fontsize=7.5, color=theme.soft, x=0.01, ha="left")
    for axes, named, rest in labelled:
        _name(figure, axes, named, rest, theme)
    return figure


def _draw_models(axes: Axes, models: Sequence[CostedModel], theme: Theme) -> list[tuple[float, float]]:
    """Markers and both fronts; (cost, PSNR) of the models on either."""
    for model in models:
        published = is_published(model.row)
        colour = theme.colour(0 if published else 1)
        face = theme.paper if published else colour
        style: dict[str, Any] = {"edgecolors": colour, "facecolors": face, "linewidths": 1.1}
        axes.scatter([model.cost], [model.psnr], s=MARKER_AREA, zorder=3, **style)
    points = [m[:2] for m in models]
    front = pareto_front(points, lambda p: p[0], lambda p: p[1])
    measured = [m[:2] for m in models if not is_published(m.row)]
    own = pareto_front(measured, lambda p: p[0], lambda p: p[1])
    axes.plot(*zip(*front, strict=True), drawstyle="steps-post", color=theme.soft, linewidth=1.2, zorder=2)
    if 1 < len(own) < len(models):
        dashed: dict[str, Any] = {"linestyle": (0, (4, 3)), "linewidth": 1.1, "color": theme.colour(1)}
        axes.plot(*zip(*own, strict=True), drawstyle="steps-post", zorder=2, **dashed)
    return [*front, *own]


def _name(figure: Figure, axes: Axes, named: Sequence[CostedModel], rest: Sequence[CostedModel], theme: Theme) -> None:
    write_labels(
        figure,
        axes,
        theme,
        [m[:2] for m in named],
        [MARKER_AREA] * len(named),
        [m.row.model for m in named],
        [not is_published(m.row) for m in named],
        [m[:2] for m in rest],
    )
