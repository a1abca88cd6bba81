"""What a search did, from its events: losses, validation, entropy, chosen blocks, weights of every edge."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from nas.report.style import DARK, LIGHT, OKABE_ITO, Theme, dress, new_figure

Event = Mapping[str, Any]
#: line styles that take turns with the colours, so that no two of many lines look alike
_DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (5, 2, 1.5, 2)))


def search_figures(
    events: Sequence[Event], *, candidates: Mapping[str, Sequence[str]] | None = None, dark: bool = False
) -> dict[str, Figure]:
    """Name -> figure for all that the events have data for; empty for no events.

    Names: losses, validation, entropy, counts, and "weights <cell>" for each searched cell. Events are those of
    a run's events.jsonl; ``candidates``: cell -> names in the order of its weights. Missing keys and kinds are
    left out, numbers that are not finite are gaps.
    """
    theme = DARK if dark else LIGHT
    made: dict[str, Figure | None] = {
        "losses": _losses(events, theme),
        "validation": _validation(events, theme),
        "entropy": _entropy(events, theme),
        "counts": _counts(events, theme),
    }
    steps, cells = _probabilities(events)
    for cell, weights in cells.items():
        made[f"weights {cell}"] = _heat_map(cell, steps[cell], weights, (candidates or {}).get(cell, ()), theme)
    return {name: figure for name, figure in made.items() if figure is not None}


def series(events: Iterable[Event], kind: str, name: str) -> tuple[list[float], list[float]]:
    """Steps and values of one number of one kind of event; what is not a finite number is left out."""
    steps, values = [], []
    for event in events:
        value = event.get(name)
        if event.get("kind") == kind and _finite(event.get("step")) and _finite(value):
            steps.append(float(event["step"]))
            values.append(float(value))  # type: ignore[arg-type]
    return steps, values


def _finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _losses(events: Sequence[Event], theme: Theme) -> Figure | None:
    lines = [
        ("training loss", *series(events, "train", "loss"), 0),
        ("architecture loss", *series(events, "train", "arch_loss"), 1),
        ("architecture loss", *series(events, "architecture", "arch_loss"), 1),
    ]
    return _lines([x for x in lines if x[1]], "loss", "Losses", theme, smooth=True)


def _validation(events: Sequence[Event], theme: Theme) -> Figure | None:
    names = (("psnr", "validation PSNR"), ("bicubic_psnr", "bicubic"))
    lines = [(label, *series(events, "validation", name), i) for i, (name, label) in enumerate(names)]
    trials = series(events, "trial", "psnr")
    if trials[0]:
        lines.append(("trial", *trials, 2))
    return _lines([x for x in lines if x[1]], "PSNR (dB)", "Validation", theme)


def _lines(
    lines: Sequence[tuple[str, list[float], list[float], int]],
    unit: str,
    title: str,
    theme: Theme,
    smooth: bool = False,
) -> Figure | None:
    if not lines:
        return None
    figure = new_figure(6.4, 3.0, theme)
    axes = figure.add_subplot()
    dress(axes, theme)
    for label, steps, values, index in lines:
        colour = theme.colour(index)
        many = smooth and len(values) > 20
        style = {"linestyle": _DASHES[index % len(_DASHES)], "marker": "o" if len(values) < 40 else "", "markersize": 3}
        if many:  # the raw values stay visible behind their running mean
            axes.plot(steps, values, color=colour, linewidth=0.7, alpha=0.35)
            axes.plot(steps, running_mean(values), color=colour, linewidth=1.6, label=f"{label} (running mean)")
        else:
            axes.plot(steps, values, color=colour, linewidth=1.6, label=label, **style)
    flat = [v for _, _, values, _ in lines for v in values]
    if smooth and min(flat) > 0 and max(flat) / min(flat) > 30:
        axes.set_yscale("log")
    axes.set_xlabel("step")
    axes.set_ylabel(unit)
    axes.set_title(title, loc="left", fontsize=10, color=theme.ink)
    _legend(figure, axes, theme)
    return figure


def running_mean(values: Sequence[float]) -> npt.NDArray[np.float64]:
    """Mean over a window of a twentieth of the series that ends at each value."""
    window = max(2, len(values) // 20)
    total = np.concatenate([[0.0], np.cumsum(np.asarray(values, dtype=np.float64))])
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(ends - window, 0)
    means: npt.NDArray[np.float64] = (total[ends] - total[starts]) / (ends - starts)
    return means


def _entropy(events: Sequence[Event], theme: Theme) -> Figure | None:
    found: dict[str, tuple[list[float], list[list[float]]]] = {}
    for event in events:
        groups = event.get("entropy")
        if event.get("kind") != "architecture" or not isinstance(groups, Mapping) or not _finite(event.get("step")):
            continue
        for cell, values in groups.items():
            if isinstance(values, list) and values and all(_finite(v) for v in values):
                steps, rows = found.setdefault(str(cell), ([], []))
                if not rows or len(rows[0]) == len(values):
                    steps.append(float(event["step"]))
                    rows.append([float(v) for v in values])
    if not found:
        return None
    figure = new_figure(6.4, 3.1, theme)
    panels = figure.subplots(1, len(found), sharey=True, squeeze=False)[0]
    for axes, (cell, (steps, rows)) in zip(panels, found.items(), strict=True):
        dress(axes, theme)
        table = np.array(rows)
        for edge in range(table.shape[1]):
            dashes = _DASHES[edge // 7 % len(_DASHES)]
            axes.plot(
                steps,
                table[:, edge],
                color=theme.colour(edge % 7),
                linestyle=dashes,
                linewidth=1.3,
                label=f"edge {edge_name(edge)}",
                marker="o" if len(steps) < 3 else "",
                markersize=3,
            )
        axes.set_title(f"{cell} cell", loc="left", fontsize=10, color=theme.ink)
        axes.set_xlabel("step")
        _legend(figure, axes, theme, inside=True)
    panels[0].set_ylabel("entropy of the edge (nat)")
    return figure


def edge_name(index: int) -> str:
    """Edge order of a full cell: 0→1; 0→2, 1→2; 0→3, 1→3, 2→3; ..."""
    node = 1
    while index >= node:
        index -= node
        node += 1
    return f"{index}→{node}"


def _counts(events: Sequence[Event], theme: Theme) -> Figure | None:
    steps, records = [], []
    for event in events:
        counts = event.get("counts")
        if event.get("kind") == "architecture" and isinstance(counts, Mapping) and _finite(event.get("step")):
            steps.append(float(event["step"]))
            records.append({str(k): float(v) for k, v in counts.items() if _finite(v)})
    names = sorted({name for r in records for name in r}, key=lambda n: (-sum(r.get(n, 0) for r in records), n))
    if not names:
        return None
    figure = new_figure(6.4, 3.1, theme)
    axes = figure.add_subplot()
    dress(axes, theme)
    table = np.array([[r.get(n, 0.0) for r in records] for n in names])
    if len(steps) == 1:  # a stack of one point has no width
        steps, table = [steps[0] - 0.5, steps[0] + 0.5], np.repeat(table, 2, axis=1)
    areas = axes.stackplot(
        steps,
        table,
        labels=names,
        colors=[theme.colour(i) for i in range(len(names))],
        step="post",
        edgecolor=theme.paper,
        linewidth=0.6,
    )
    for index, area in enumerate(areas):  # past the eight colours, hatching tells blocks apart
        if index >= len(OKABE_ITO):
            area.set_hatch(("////", "....", "xxxx")[(index // len(OKABE_ITO) - 1) % 3])
    axes.set_xlim(steps[0], steps[-1])
    axes.set_xlabel("step")
    axes.set_ylabel("edges")
    axes.set_title("Blocks of the derived genotype", loc="left", fontsize=10, color=theme.ink)
    _legend(figure, axes, theme)
    return figure


def _probabilities(events: Sequence[Event]) -> tuple[dict[str, list[float]], dict[str, npt.NDArray[np.float64]]]:
    """Per cell the steps and the softmaxed weights, (steps, edges, candidates)."""
    steps: dict[str, list[float]] = {}
    found: dict[str, list[npt.NDArray[np.float64]]] = {}
    for event in events:
        groups = event.get("probabilities")
        if event.get("kind") != "architecture" or not isinstance(groups, Mapping) or not _finite(event.get("step")):
            continue
        for cell, rows in groups.items():
            try:
                table = np.asarray(rows, dtype=np.float64)
            except (TypeError, ValueError):
                continue
            earlier = found.setdefault(str(cell), [])
            if table.ndim == 2 and table.size and (not earlier or earlier[0].shape == table.shape):
                earlier.append(table)
                steps.setdefault(str(cell), []).append(float(event["step"]))
    return steps, {cell: np.stack(tables) for cell, tables in found.items() if tables}


def _heat_map(
    cell: str, steps: Sequence[float], weights: npt.NDArray[np.float64], names: Sequence[str], theme: Theme
) -> Figure:
    """One strip per edge: time to the right, candidates upwards, darker is heavier."""
    _, edges, candidates = weights.shape
    labels = list(names) if len(names) == candidates else [f"candidate {i}" for i in range(candidates)]
    columns = min(3, edges)
    lines = math.ceil(edges / columns)
    figure = new_figure(7.6, 0.6 + lines * (0.45 + 0.17 * candidates), theme)
    grid = figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True)
    top = max(float(np.nanmax(weights)), 1.5 / candidates)
    shown = None
    bounds = _bounds(steps)
    for index, axes in enumerate(grid.flat):
        if index >= edges:
            axes.set_visible(False)
            continue
        shown = axes.pcolormesh(
            bounds,
            np.arange(candidates + 1) - 0.5,
            weights[:, index].T,
            vmin=0.0,
            vmax=top,
            cmap="cividis",
            rasterized=True,
        )
        axes.set_title(f"edge {edge_name(index)}", loc="left", fontsize=8, color=theme.ink)
        axes.set_yticks(range(candidates), labels)
        axes.tick_params(colors=theme.soft, labelsize=6.5, length=2)
        for spine in axes.spines.values():
            spine.set_visible(False)
        winner = int(np.argmax(weights[-1, index]))
        axes.plot([bounds[-1]], [winner], marker="<", color=theme.colour(1), markersize=5, clip_on=False)
    for axes in grid[-1]:
        axes.set_xlabel("step", fontsize=8, color=theme.ink)
    if shown is not None:
        bar = figure.colorbar(shown, ax=grid, shrink=0.8, aspect=30, pad=0.02)
        bar.ax.tick_params(colors=theme.soft, labelsize=7)
        bar.set_label("softmaxed weight", color=theme.ink, fontsize=8)
        bar.outline.set_visible(False)
    figure.suptitle(f"{cell} cell: weights of every edge (◂ heaviest at the end)", fontsize=10, color=theme.ink)
    return figure


def _bounds(steps: Sequence[float]) -> npt.NDArray[np.float64]:
    """Edges between samples, so that every sample has its own width."""
    points = np.maximum.accumulate(np.asarray(steps, dtype=np.float64))
    if len(points) == 1:
        return np.array([points[0] - 0.5, points[0] + 0.5])
    middle = (points[1:] + points[:-1]) / 2
    return np.concatenate([[points[0]], middle, [points[-1]]])


def _legend(figure: Figure, axes: Any, theme: Theme, inside: bool = False) -> None:
    if inside:
        legend = axes.legend(
            fontsize=6.5, frameon=True, framealpha=0.8, edgecolor="none", facecolor=theme.paper, ncols=2
        )
    else:
        legend = figure.legend(loc="outside right upper", fontsize=7.5, frameon=False)
    for text in legend.get_texts():
        text.set_color(theme.ink)
