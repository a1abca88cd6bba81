"""Dot plots of a task's sets, latency against PSNR, and the Pareto fronts over multiply-adds and parameters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from nas.errors import NasError
from nas.evaluation.rows import EvaluationRow
from nas.report.figures.bubbles import write_labels
from nas.report.figures.numbers import count, decibel
from nas.report.figures.style import DARK, LIGHT, dress, new_figure, theme_legend
from nas.report.published import is_published, one_per_model

#: a dot plot with more published lines than this is a wall: the best ones are kept
MOST_PUBLISHED = 14


def dot_figure(rows: Iterable[EvaluationRow], task: str, *, dark: bool = False) -> Figure:
    """A line a model, a panel a set, a dot at its PSNR (dB) with the number; measured filled, published open, daggered.

    A model far below all others (the floor, bicubic) is an arrow at the left end, so that the others can be told
    apart. Models stand in the order of their mean distance from each set's mean. Of many published
    models the best ``MOST_PUBLISHED`` are kept. NasError without a PSNR of the task.
    """
    theme = DARK if dark else LIGHT
    members = [r for r in rows if r.task == task and r.psnr is not None]
    ours = [r for r in members if not is_published(r)]
    sets = list(dict.fromkeys(r.set for r in ours or members))
    members = [r for r in one_per_model(members) if r.set in sets]
    if not members:
        raise NasError(f"no row of task {task!r} has a PSNR; evaluate models or pass published rows")
    lines: dict[tuple[str, bool], dict[str, float]] = {}
    for row in members:
        lines.setdefault((row.model, is_published(row)), {}).setdefault(row.set, float(row.psnr or 0.0))
    means = {s: float(np.mean([v[s] for v in lines.values() if s in v])) for s in sets}
    ranking = sorted(lines, key=lambda k: -float(np.mean([v - means[s] for s, v in lines[k].items()])))
    published = [k for k in ranking if k[1]][:MOST_PUBLISHED]
    ranking = [k for k in ranking if not k[1] or k in published][::-1]
    panels = min(len(sets), 5)
    figure = new_figure(1.9 + 1.75 * panels, 1.0 + 0.2 * len(ranking), theme)
    line = figure.subplots(1, panels, squeeze=False, sharey=True)[0]
    for axes, set_name in zip(line, sets, strict=False):
        dress(axes, theme)
        axes.grid(False, axis="x")
        values = [lines[k].get(set_name) for k in ranking]
        left, right = _span([v for v in values if v is not None])
        for place, (key, value) in enumerate(zip(ranking, values, strict=True)):
            if value is None:
                continue
            colour = theme.colour(0 if key[1] else 1)
            face = theme.paper if key[1] else colour
            axes.scatter(
                [max(value, left)],
                [place],
                s=24,
                edgecolors=colour,
                facecolors=face,
                linewidths=1.2,
                zorder=3,
                marker="o" if value >= left else "<",
                clip_on=False,
            )
            axes.annotate(
                decibel(value),
                (max(value, left), place),
                xytext=(6, 0),
                textcoords="offset points",
                va="center",
                fontsize=6.5,
                color=theme.soft if key[1] else theme.ink,
            )
        axes.set_xlim(left, right)
        axes.set_title(set_name, loc="left", fontsize=9, color=theme.ink)
        axes.tick_params(axis="y", length=0, labelsize=7.5)
        axes.tick_params(axis="x", labelsize=7)
    line[0].set_yticks(range(len(ranking)), [k[0] + (" †" if k[1] else "") for k in ranking])
    line[0].set_ylim(-0.7, len(ranking) - 0.3)
    for label, key in zip(line[0].get_yticklabels(), ranking, strict=True):
        label.set_color(theme.soft if key[1] else theme.ink)
        label.set_fontweight("normal" if key[1] else "bold")
    figure.supxlabel("PSNR (dB); filled: measured, open and †: published", fontsize=8, color=theme.ink)
    return figure


def _span(values: Sequence[float]) -> tuple[float, float]:
    """Ends of an axis with room for a number behind the last dot; values beyond a wide gap at the bottom stay out."""
    ordered = sorted(values)
    low = ordered[0]
    if len(ordered) > 3 and ordered[1] - low > 0.4 * (ordered[-1] - ordered[1]) and ordered[-1] > ordered[1]:
        low = ordered[1]
    width = max(ordered[-1] - low, 0.2)
    return low - 0.15 * width, ordered[-1] + 0.45 * width


def latency_figure(rows: Iterable[EvaluationRow], task: str, set: str, *, dark: bool = False) -> Figure:
    """PSNR (dB) over latency (ms, logarithmic) with the spread as a bar; a marker shape a device and size.

    Only rows with a latency are drawn, and latencies of different devices or sizes are never joined by a line.
    NasError when there is none.
    """
    theme = DARK if dark else LIGHT
    members = [r for r in rows if r.task == task and r.set == set and r.psnr is not None and r.latency_median_ms]
    if not members:
        raise NasError(
            f"no row of task {task!r} on {set!r} has a latency; measure it with 'nas evaluate ... --latency'"
        )
    figure = new_figure(6.8, 4.0, theme)
    axes = figure.add_subplot()
    dress(axes, theme)
    places = list(dict.fromkeys(_place(r) for r in members))
    for index, place in enumerate(places):
        own = [r for r in members if _place(r) == place]
        colour = theme.colour(1 + index)
        axes.errorbar(
            [float(r.latency_median_ms or 0) for r in own],
            [float(r.psnr or 0) for r in own],
            xerr=[float(r.latency_spread_ms or 0) / 2 for r in own],
            fmt="osD^v"[index % 5],
            color=colour,
            markersize=6,
            elinewidth=1.0,
            capsize=2,
            label=place,
            zorder=3,
        )
    times = [float(r.latency_median_ms or 0) for r in members]
    _log_axis(axes, times)
    quality = [float(r.psnr or 0) for r in members]
    spread = max(max(quality) - min(quality), 0.1)
    axes.set_ylim(min(quality) - 0.14 * spread, max(quality) + 0.16 * spread)
    axes.set_xlabel("latency (ms); bar: spread")
    axes.set_ylabel("PSNR (dB)")
    axes.set_title(f"{task} on {set}", loc="left", fontsize=10, color=theme.ink)
    theme_legend(figure, axes, theme)
    points = list(zip(times, quality, strict=True))
    write_labels(figure, axes, theme, points, [36.0] * len(points), [r.model for r in members], [True] * len(points))
    return figure


def pareto_figure(rows: Iterable[EvaluationRow], task: str, set: str, *, dark: bool = False) -> Figure:
    """PSNR (dB) over multiply-adds and over parameters; only the models on a front are named.

    Measured filled, published open; one step line joins the best of all, a dashed one the best measured. NasError
    when no row has PSNR and a cost.
    """
    theme = DARK if dark else LIGHT
    members = one_per_model([r for r in rows if r.task == task and r.set == set and r.psnr is not None])
    costs = (("multiply_adds", "multiply-adds"), ("parameters", "parameters"))
    drawn = [(n, w) for n, w in costs if any(getattr(r, n) for r in members)]
    if not drawn:
        raise NasError(f"no row of task {task!r} on {set!r} has both PSNR and a cost, so there is no front to draw")
    figure = new_figure(4.2 * len(drawn), 3.7, theme)
    panels = figure.subplots(1, len(drawn), squeeze=False, sharey=True)[0]
    labels = []
    for axes, (name, words) in zip(panels, drawn, strict=True):
        dress(axes, theme)
        own = [(float(getattr(r, name)), float(r.psnr or 0), r) for r in members if getattr(r, name)]
        for cost, quality, row in own:
            colour = theme.colour(0 if is_published(row) else 1)
            face = theme.paper if is_published(row) else colour
            axes.scatter([cost], [quality], s=26, edgecolors=colour, facecolors=face, linewidths=1.1, zorder=3)
        front = front_of([(c, q) for c, q, _ in own])
        mine = front_of([(c, q) for c, q, r in own if not is_published(r)])
        axes.plot(*zip(*front, strict=True), drawstyle="steps-post", color=theme.soft, linewidth=1.2, zorder=2)
        if len(mine) > 1 and len(mine) < len(own):
            axes.plot(
                *zip(*mine, strict=True),
                drawstyle="steps-post",
                color=theme.colour(1),
                linewidth=1.1,
                linestyle=(0, (4, 3)),
                zorder=2,
            )
        _log_axis(axes, [c for c, _, _ in own])
        axes.set_xlabel(words)
        named = [(c, q, r) for c, q, r in own if (c, q) in front or (c, q) in mine]
        labels.append((axes, named, [(c, q) for c, q, _ in own if (c, q) not in front and (c, q) not in mine]))
    plotted = [q for _, named, rest in labels for q in [*(n[1] for n in named), *(r[1] for r in rest)]]
    low, high = min(plotted), max(plotted)
    panels[0].set_ylim(low - 0.1 * (high - low or 0.1), high + 0.14 * (high - low or 0.1))
    panels[0].set_ylabel("PSNR (dB)")
    panels[0].set_title(f"{task} on {set}: the fronts", loc="left", fontsize=10, color=theme.ink)
    words = "filled: measured, open: published; solid: front of all, dashed: of the measured"
    figure.supxlabel(words, fontsize=7.5, color=theme.soft, x=0.01, ha="left")
    for axes, named, rest in labels:
        write_labels(
            figure,
            axes,
            theme,
            [(c, q) for c, q, _ in named],
            [26.0] * len(named),
            [r.model for _, _, r in named],
            [not is_published(r) for _, _, r in named],
            rest,
        )
    return figure


def front_of(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Those (cost, quality) that no other beats in both, by growing cost."""
    front: list[tuple[float, float]] = []
    for cost, quality in sorted(points, key=lambda p: (p[0], -p[1])):
        if not front or quality > front[-1][1]:
            front.append((cost, quality))
    return front


def _place(row: EvaluationRow) -> str:
    parts = [row.device, row.dtype if row.dtype != "float32" else "", row.latency_size]
    words = ", ".join(p for p in parts if p) or "device not recorded"
    return words + (" (published)" if is_published(row) else "")


def _log_axis(axes: Axes, values: Sequence[float]) -> None:
    """A logarithmic axis with room at both ends, and ticks a person can read whatever its span."""
    axes.set_xscale("log")
    low, high = min(values), max(values)
    axes.set_xlim(low / 1.5, high * 1.9)
    narrow = high / low < 30
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if narrow else (1,)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: count(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())
