"""Which blocks the architecture would choose over the steps of a search, a panel a cell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from nas.report.figures.block_colours import SHORT_NAMES, block_colours
from nas.report.figures.edge_maps import veil_warmup
from nas.report.figures.numbers import is_finite_number
from nas.report.figures.panels import panel_grid
from nas.report.figures.run_events import (
    CellNames,
    RunEvent,
    edge_weights,
    end_of_warmup,
    is_architecture_event,
    selectable_weights,
)
from nas.report.figures.style import NOTE, Style, Theme, literal, style_axes

#: steps, and at each of them how many edges have each block
Counts = tuple[list[float], list[dict[str, float]]]


def block_counts_figure(
    events: Sequence[RunEvent], theme: Theme, candidates: CellNames | None = None, unselectable: CellNames | None = None
) -> Figure | None:
    """How many edges have each block, stacked over the steps, a panel a cell.

    Args:
        events: Events of a run. Of cells whose weights were logged and whose candidates are known, the heaviest block
            that can be chosen is counted on every edge; else ``counts`` of the events of kind ``architecture``, which
            is of all cells together.
        theme: Colours.
        candidates: For each cell the names of its candidate blocks.
        unselectable: For each cell those that can never be chosen.

    Returns:
        The figure, or None where nothing of it was logged.
    """
    found = _of_cells(events, candidates or {}, unselectable or {}) or _of_all_cells(events)
    if not found:
        return None
    warmup = end_of_warmup(events)
    colours = block_colours([n for _, records in found.values() for r in records for n in r], theme)
    figure, panels = panel_grid(len(found), 3.1, theme)
    for axes, (cell, counts) in zip(panels, found.items(), strict=True):
        style_axes(axes, theme)
        _draw_stack(axes, *counts, colours, theme)
        if cell:
            axes.set_title(literal(f"{cell} cell"), loc="left", fontsize=10, color=theme.ink)
        if warmup is not None:
            veil_warmup(axes, counts[0][0], warmup, theme)
        axes.set_xlabel("step")
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    panels[0].set_ylabel("edges")
    what = "Blocks of the derived genotype" if "" in found else "Heaviest selectable block of every edge"
    note = ", grey: warm-up" if warmup is not None else ""
    figure.suptitle(what + note, fontsize=9.5, color=theme.ink, x=0.01, ha="left")
    return figure


def _of_cells(events: Sequence[RunEvent], candidates: CellNames, unselectable: CellNames) -> dict[str, Counts]:
    found: dict[str, Counts] = {}
    for cell, (steps, weights) in edge_weights(events).items():
        names = candidates.get(cell, ())
        if len(names) != weights.shape[2]:
            return {}
        chosen = np.argmax(selectable_weights(weights, names, unselectable.get(cell, ())), axis=2)  # (steps, edges)
        found[cell] = steps, [dict(Counter(names[i] for i in line)) for line in chosen.tolist()]
    return found


def _of_all_cells(events: Sequence[RunEvent]) -> dict[str, Counts]:
    steps, records = [], []
    for event in events:
        counts = event.get("counts")
        if is_architecture_event(event) and isinstance(counts, Mapping):
            steps.append(float(event["step"]))
            records.append({str(k): float(v) for k, v in counts.items() if is_finite_number(v)})
    return {"": (steps, records)} if any(records) else {}


def _draw_stack(
    axes: Axes, steps: Sequence[float], records: Sequence[Mapping[str, float]], colours: Mapping[str, str], theme: Theme
) -> None:
    """The blocks of one cell, those that end up most frequent lowest, with their names below the axes."""
    names = sorted({n for r in records for n in r}, key=lambda n: (-records[-1].get(n, 0), _share(n, records), n))
    table = np.array([[r.get(n, 0.0) for r in records] for n in names])
    if len(steps) == 1:  # a stack of one point has no width
        steps, table = [steps[0] - 0.5, steps[0] + 0.5], np.repeat(table, 2, axis=1)
    shown = [colours[n] for n in names]
    style: Style = {"edgecolor": theme.paper, "linewidth": 0.5, "step": "post"}
    axes.stackplot(steps, table, labels=[literal(SHORT_NAMES.get(n, n)) for n in names], colors=shown, **style)
    axes.set_xlim(steps[0], steps[-1])
    axes.set_ylim(0, float(table.sum(axis=0).max()))
    axes.grid(False)
    axes.legend(
        fontsize=NOTE,
        frameon=False,
        labelcolor=theme.ink,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.2),
        ncols=3,
        handlelength=1.2,
        columnspacing=1.0,
    )


def _share(name: str, records: Sequence[Mapping[str, float]]) -> float:
    return -sum(r.get(name, 0.0) for r in records)
