"""How undecided the architecture is over the steps of a search: the entropy of every edge in per cent of the most."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nas.report.figures.numbers import is_finite_number
from nas.report.figures.panels import panel_grid
from nas.report.figures.run_events import (
    CellNames,
    RunEvent,
    edge_label,
    edge_weights,
    end_of_warmup,
    is_architecture_event,
)
from nas.report.figures.style import LINE_STYLES, Style, Theme, add_legend, literal, style_axes

#: per cent: the axis never shows less than this, so that a search that decides nothing looks like it
LEAST_SPAN = 4.0


def entropy_figure(events: Sequence[RunEvent], edges: CellNames, theme: Theme) -> Figure | None:
    """The entropy of each edge's weights in per cent of that of equal weights, a panel a cell.

    Args:
        events: Events of a run; ``entropy`` of the events of kind ``architecture`` is drawn. The number of candidates,
            which decides what 100 % is, is taken from the logged weights; without these, the largest entropy is 100 %.
        edges: For each cell the names of its edges.
        theme: Colours.

    Returns:
        The figure, or None where no entropy was logged.
    """
    found = _entropies(events)
    if not found:
        return None
    candidates = {cell: weights.shape[2] for cell, (_, weights) in edge_weights(events).items()}
    figure, panels = panel_grid(len(found), 2.9, theme)
    warmup = end_of_warmup(events)
    lowest = 100.0
    for axes, (cell, (steps, rows)) in zip(panels, found.items(), strict=True):
        style_axes(axes, theme)
        most = math.log(candidates[cell]) if candidates.get(cell, 0) > 1 else max(max(row) for row in rows) or 1.0
        shares = [[100.0 * value / most for value in row] for row in rows]
        _draw_edges(axes, steps, shares, edges.get(cell, ()), theme)
        grey_warmup(axes, steps[0], warmup, theme)
        lowest = min(lowest, *(min(row) for row in shares))
        axes.set_title(literal(f"{cell} cell"), loc="left", fontsize=10, color=theme.ink)
        axes.set_xlabel("step")
    bottom = max(0.0, min(lowest - 1.0, 100.0 - LEAST_SPAN))
    for axes in panels:
        axes.set_ylim(bottom, 100.0 + 0.03 * (100.0 - bottom))
        add_legend(figure, axes, theme, inside=True)
    panels[0].set_ylabel("entropy (% of the maximum)")
    return figure


def grey_warmup(axes: Axes, start: float, end: float | None, theme: Theme) -> None:
    """A grey band over the steps in which the architecture was not trained; none where ``end`` is None."""
    if end is not None and end > start:
        axes.axvspan(start, end, facecolor=theme.grid, alpha=0.6, linewidth=0, gid="warm-up", zorder=0.5)
        style: Style = {"rotation": 90, "va": "bottom", "ha": "right", "fontsize": 7.2, "color": theme.soft}
        axes.text(end, 0.03, "warm-up ", transform=axes.get_xaxis_transform(), **style)


def _entropies(events: Sequence[RunEvent]) -> dict[str, tuple[list[float], list[list[float]]]]:
    """For each cell the steps, and at each of them the entropy (nat) of every edge."""
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
