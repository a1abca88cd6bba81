"""PSNR against measured latency, devices told apart."""

from __future__ import annotations

from collections.abc import Iterable

from matplotlib.figure import Figure

from nas.errors import NasError
from nas.evaluation.rows import EvaluationRow
from nas.report.figures.axis import log_cost_axis, quality_axis
from nas.report.figures.labels import NamedPoint, write_labels
from nas.report.figures.style import DARK, LIGHT, add_legend, literal, new_figure, style_axes
from nas.report.published import is_published

#: names in the figure; more cannot be read
MOST_LABELS = 15


def latency_figure(rows: Iterable[EvaluationRow], task: str, set: str, *, dark: bool = False) -> Figure:
    """PSNR (dB) over latency (ms, logarithmic), with the spread as a bar; a marker stands for a device and size.

    Args:
        rows: Evaluation rows, of which those of the task and set with a latency are drawn.
        task: Name of a task.
        set: Name of a benchmark set.
        dark: In colours for a dark page.

    Returns:
        The figure. Latencies of different devices or sizes are never joined by a line.

    Raises:
        NasError: No row has a latency.
    """
    theme = DARK if dark else LIGHT
    members = [r for r in rows if r.task == task and r.set == set and r.psnr is not None and r.latency_median_ms]
    if not members:
        raise NasError(
            f"no row of task {task!r} on {set!r} has a latency; measure it with 'nas evaluate ... --latency'"
        )
    figure = new_figure(6.8, 4.0, theme)
    axes = figure.add_subplot()
    style_axes(axes, theme)
    for index, conditions in enumerate(dict.fromkeys(_conditions(r) for r in members)):
        own = [r for r in members if _conditions(r) == conditions]
        axes.errorbar(
            [float(r.latency_median_ms or 0) for r in own],
            [float(r.psnr or 0) for r in own],
            xerr=[float(r.latency_spread_ms or 0) / 2 for r in own],
            fmt="osD^v"[index % 5],
            color=theme.colour(1 + index),
            markersize=6,
            elinewidth=1.0,
            capsize=2,
            label=literal(conditions),
            zorder=3,
        )
    points = [(float(r.latency_median_ms or 0), float(r.psnr or 0)) for r in members]
    log_cost_axis(axes, [p[0] for p in points])
    quality_axis(axes, [p[1] for p in points])
    axes.set_xlabel("latency (ms); bar: spread")
    axes.set_title(literal(f"{task} on {set}"), loc="left", fontsize=10, color=theme.ink)
    add_legend(figure, axes, theme)
    named = [NamedPoint(x, y, 36.0, r.model, True) for (x, y), r in zip(points, members, strict=True)]
    best_first = sorted(named, key=lambda p: -p.y)
    rest = [(p.x, p.y, p.area) for p in best_first[MOST_LABELS:]]
    write_labels(figure, axes, theme, best_first[:MOST_LABELS], rest)
    return figure


def _conditions(row: EvaluationRow) -> str:
    """Under what a latency was measured: device, number format, size of the input."""
    parts = [row.device, row.dtype if row.dtype != "float32" else "", row.latency_size]
    words = ", ".join(p for p in parts if p) or "device not recorded"
    return words + (" (published)" if is_published(row) else "")
