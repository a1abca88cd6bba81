"""What a search did, from its events: losses, validation, entropy, chosen blocks, weights of every edge."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from nas.report.figures.history import archive_figure, finite, pace_figure, trials_figure
from nas.report.figures.style import DARK, LIGHT, OKABE_ITO, Theme, dress, new_figure, theme_legend

Event = Mapping[str, Any]
Names = Mapping[str, Sequence[str]]
#: line styles that take turns with the colours, so that no two of many lines look alike
_DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (5, 2, 1.5, 2)))


def search_figures(
    events: Sequence[Event],
    *,
    candidates: Names | None = None,
    edges: Names | None = None,
    timing: Sequence[Event] = (),
    dark: bool = False,
) -> dict[str, Figure]:
    """Name -> figure for all that the events have data for; empty for no events.

    Names: losses, validation, entropy, counts, trials, archive, pace, and "weights <cell>" for each searched cell.
    Events are those of a run's events.jsonl, ``timing`` those of its timing.jsonl; ``candidates``, ``edges``:
    cell -> names in the order of its weights. Missing keys and kinds are left out, numbers that are not finite
    are gaps.
    """
    theme = DARK if dark else LIGHT
    made = {name: make() for name, make in _makers(events, candidates, edges, timing, theme).items()}
    return {name: figure for name, figure in made.items() if figure is not None}


def search_figure(
    name: str,
    events: Sequence[Event],
    *,
    candidates: Names | None = None,
    edges: Names | None = None,
    timing: Sequence[Event] = (),
    dark: bool = False,
) -> Figure | None:
    """One figure of ``search_figures``; None when there is nothing to draw under that name."""
    make = _makers(events, candidates, edges, timing, DARK if dark else LIGHT).get(name)
    return make() if make is not None else None


def _makers(
    events: Sequence[Event], candidates: Names | None, edges: Names | None, timing: Sequence[Event], theme: Theme
) -> dict[str, Callable[[], Figure | None]]:
    made: dict[str, Callable[[], Figure | None]] = {
        "losses": lambda: _losses(events, theme),
        "validation": lambda: _validation(events, theme),
        "entropy": lambda: _entropy(events, edges or {}, theme),
        "counts": lambda: _counts(events, theme),
        "trials": lambda: trials_figure(events, theme),
        "archive": lambda: archive_figure(events, theme),
        "pace": lambda: pace_figure(timing, theme),
    }
    for cell, (steps, weights) in edge_weights(events).items():
        names = (candidates or {}).get(cell, ())
        made[f"weights {cell}"] = partial(_heat_map, cell, steps, weights, names, (edges or {}).get(cell, ()), theme)
    return made


def series(events: Iterable[Event], kind: str, name: str) -> tuple[list[float], list[float]]:
    """Steps and values of one number of one kind of event; what is not a finite number is left out."""
    steps, values = [], []
    for event in events:
        value = event.get(name)
        if event.get("kind") == kind and finite(event.get("step")) and finite(value):
            steps.append(float(event["step"]))
            values.append(float(value))  # type: ignore[arg-type]
    return steps, values


def _losses(events: Sequence[Event], theme: Theme) -> Figure | None:
    lines = [
        ("training loss", *series(events, "train", "loss"), 0),
        ("architecture loss", *series(events, "train", "arch_loss"), 1),
        ("architecture loss", *series(events, "architecture", "arch_loss"), 1),
    ]
    # trials that train nothing log a loss of zero, which is no loss
    return _lines([x for x in lines if any(x[2])], "loss", "Losses", theme, smooth=True)


def _validation(events: Sequence[Event], theme: Theme) -> Figure | None:
    names = (("psnr", "validation PSNR"), ("derived_psnr", "reduced to its genotype"), ("bicubic_psnr", "bicubic"))
    lines = [(label, *series(events, "validation", name), i) for i, (name, label) in enumerate(names)]
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
    theme_legend(figure, axes, theme)
    return figure


def running_mean(values: Sequence[float]) -> npt.NDArray[np.float64]:
    """Mean over a window of a twentieth of the series that ends at each value."""
    window = max(2, len(values) // 20)
    total = np.concatenate([[0.0], np.cumsum(np.asarray(values, dtype=np.float64))])
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(ends - window, 0)
    means: npt.NDArray[np.float64] = (total[ends] - total[starts]) / (ends - starts)
    return means


def _entropy(events: Sequence[Event], names: Names, theme: Theme) -> Figure | None:
    found: dict[str, tuple[list[float], list[list[float]]]] = {}
    for event in events:
        groups = event.get("entropy")
        if event.get("kind") != "architecture" or not isinstance(groups, Mapping) or not finite(event.get("step")):
            continue
        for cell, values in groups.items():
            if isinstance(values, list) and values and all(finite(v) for v in values):
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
                label=f"edge {edge_label(edge, names.get(cell, ()))}",
                marker="o" if len(steps) < 3 else "",
                markersize=3,
            )
        axes.set_title(f"{cell} cell", loc="left", fontsize=10, color=theme.ink)
        axes.set_xlabel("step")
        theme_legend(figure, axes, theme, inside=True)
    panels[0].set_ylabel("entropy of the edge (nat)")
    return figure


def edge_label(index: int, names: Sequence[str]) -> str:
    """The name of an edge as the space has it, else as in a full cell."""
    return names[index] if index < len(names) else edge_name(index)


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
        if event.get("kind") == "architecture" and isinstance(counts, Mapping) and finite(event.get("step")):
            steps.append(float(event["step"]))
            records.append({str(k): float(v) for k, v in counts.items() if finite(v)})
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
    theme_legend(figure, axes, theme)
    return figure


def edge_weights(events: Sequence[Event]) -> dict[str, tuple[list[float], npt.NDArray[np.float64]]]:
    """Per cell the steps and the softmaxed weights, (steps, edges, candidates), as far as they were logged."""
    steps: dict[str, list[float]] = {}
    found: dict[str, list[npt.NDArray[np.float64]]] = {}
    for event in events:
        groups = event.get("probabilities")
        if event.get("kind") != "architecture" or not isinstance(groups, Mapping) or not finite(event.get("step")):
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
    return {cell: (steps[cell], np.stack(tables)) for cell, tables in found.items() if tables}


def _heat_map(
    cell: str,
    steps: Sequence[float],
    weights: npt.NDArray[np.float64],
    names: Sequence[str],
    edge_names: Sequence[str],
    theme: Theme,
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
        axes.set_title(f"edge {edge_label(index, edge_names)}", loc="left", fontsize=8, color=theme.ink)
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
