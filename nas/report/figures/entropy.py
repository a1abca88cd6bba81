"""How decided the architecture is over the steps of a search: the entropy of every edge, and the blocks it chooses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nas.report.figures.numbers import is_finite_number
from nas.report.figures.run_events import CellNames, RunEvent, edge_label, is_architecture_event
from nas.report.figures.style import LINE_STYLES, OKABE_ITO, Theme, add_legend, literal, new_figure, style_axes


def entropy_figure(events: Sequence[RunEvent], edges: CellNames, theme: Theme) -> Figure | None:
    """The entropy (nat) of each edge's weights, a panel a cell.

    Args:
        events: Events of a run; ``entropy`` of the events of kind ``architecture`` is drawn.
        edges: For each cell the names of its edges.
        theme: Colours.

    Returns:
        The figure, or None where no entropy was logged.
    """
    found = _entropies(events)
    if not found:
        return None
    figure = new_figure(6.4, 3.1, theme)
    panels = figure.subplots(1, len(found), sharey=True, squeeze=False)[0]
    for axes, (cell, (steps, rows)) in zip(panels, found.items(), strict=True):
        style_axes(axes, theme)
        _draw_edges(axes, steps, rows, edges.get(cell, ()), theme)
        axes.set_title(literal(f"{cell} cell"), loc="left", fontsize=10, color=theme.ink)
        axes.set_xlabel("step")
        add_legend(figure, axes, theme, inside=True)
    panels[0].set_ylabel("entropy of the edge (nat)")
    return figure


def _entropies(events: Sequence[RunEvent]) -> dict[str, tuple[list[float], list[list[float]]]]:
    """For each cell the steps, and at each of them the entropy of every edge."""
    found: dict[str, tuple[list[float], list[list[float]]]] = {}
    for event in events:
        groups = event.get("entropy")
        if not is_architecture_event(event) or not isinstance(groups, Mapping):
            continue
        for cell, values in groups.items():
            if isinstance(values, list) and values and all(is_finite_number(v) for v in values):
                steps, rows = found.setdefault(str(cell), ([], []))
                if not rows or len(rows[0]) == len(values):
                    steps.append(float(event["step"]))
                    rows.append([float(v) for v in values])
    return found


def _draw_edges(
    axes: Axes, steps: Sequence[float], rows: Sequence[Sequence[float]], names: Sequence[str], theme: Theme
) -> None:
    for edge, values in enumerate(zip(*rows, strict=True)):
        axes.plot(
            steps,
            values,
            color=theme.colour(edge % 7),
            linestyle=LINE_STYLES[edge // 7 % len(LINE_STYLES)],
            linewidth=1.3,
            label=literal(f"edge {edge_label(edge, names)}"),
            marker="o" if len(steps) < 3 else "",
            markersize=3,
        )


def block_counts_figure(events: Sequence[RunEvent], theme: Theme) -> Figure | None:
    """How many edges of the derived genotype have each block, stacked over the steps.

    Args:
        events: Events of a run; ``counts`` of the events of kind ``architecture`` is drawn.
        theme: Colours.

    Returns:
        The figure, or None where no counts were logged.
    """
    steps, records = [], []
    for event in events:
        counts = event.get("counts")
        if is_architecture_event(event) and isinstance(counts, Mapping):
            steps.append(float(event["step"]))
            records.append({str(k): float(v) for k, v in counts.items() if is_finite_number(v)})
    names = sorted({name for r in records for name in r}, key=lambda n: (-sum(r.get(n, 0) for r in records), n))
    if not names:
        return None
    figure = new_figure(6.4, 3.1, theme)
    axes = figure.add_subplot()
    style_axes(axes, theme)
    table = np.array([[r.get(n, 0.0) for r in records] for n in names])
    if len(steps) == 1:  # a stack of one point has no width
        steps, table = [steps[0] - 0.5, steps[0] + 0.5], np.repeat(table, 2, axis=1)
    areas = axes.stackplot(
        steps,
        table,
        labels=[literal(n) for n in names],
        colors=[theme.colour(i) for i in range(len(names))],
        step="post",
        edgecolor=theme.paper,
        linewidth=0.6,
    )
    for index, area in enumerate(areas):  # beyond the eight colours, hatching tells blocks apart
        if index >= len(OKABE_ITO):
            area.set_hatch(("////", "....", "xxxx")[(index // len(OKABE_ITO) - 1) % 3])
    axes.set_xlim(steps[0], steps[-1])
    axes.set_xlabel("step")
    axes.set_ylabel("edges")
    axes.set_title("Blocks of the derived genotype", loc="left", fontsize=10, color=theme.ink)
    add_legend(figure, axes, theme)
    return figure
