"""The architecture weights of every edge over the steps of a search, as heat maps."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FormatStrFormatter, MaxNLocator

from nas.report.figures.block_colours import SHORT_NAMES
from nas.report.figures.run_events import edge_label, selectable_weights
from nas.report.figures.style import NOTE, PRINT_WIDTH, Style, Theme, literal, new_figure

#: colours from below uniform over uniform (pale) to above it
DIVERGING = "PuOr_r"
#: what is written behind the name of a block that can never be chosen
BARRED = " (not selectable)"


@dataclass(frozen=True)
class EdgeNames:
    """What the rows and columns of the weights of a cell are called; what is missing is numbered.

    Attributes:
        blocks: The candidates.
        edges: The edges.
        unselectable: Candidates that take part in the supernet but can never be chosen.
    """

    blocks: Sequence[str] = ()
    edges: Sequence[str] = ()
    unselectable: Sequence[str] = ()

    def candidates(self, count: int) -> list[str]:
        """Names of all candidates, numbered where there are not as many names as candidates."""
        if len(self.blocks) != count:
            return [f"candidate {i}" for i in range(count)]
        return [SHORT_NAMES.get(n, n) + (BARRED if n in self.unselectable else "") for n in self.blocks]


def weight_scale(tables: Iterable[npt.NDArray[np.float64]]) -> TwoSlopeNorm:
    """One scale for the weights of all cells, in units of the uniform weight, which is its middle.

    Args:
        tables: Weights of each cell, (..., candidates), 0 to 1.

    Returns:
        The scale, on which 1 is the weight that every candidate has at the start.
    """
    found = [table * table.shape[-1] for table in tables]
    low, high = (float(f([f(t) for t in found])) for f in (np.nanmin, np.nanmax))
    # the same distance on both sides, so that the colours of both compare; never so fine that noise looks like a choice
    reach = max(1.0 - low, min(high - 1.0, 1.0), 0.05)
    return TwoSlopeNorm(1.0, vmin=1.0 - min(reach, 1.0), vmax=1.0 + max(reach, high - 1.0))


def edge_map_figure(
    cell: str,
    steps: Sequence[float],
    weights: npt.NDArray[np.float64],
    names: EdgeNames,
    theme: Theme,
    norm: TwoSlopeNorm | None = None,
    warmup: float | None = None,
) -> Figure:
    """A panel an edge: steps to the right, candidate blocks upwards, the weight as colour.

    Args:
        cell: Name of the cell.
        steps: Steps at which the weights were logged.
        weights: Softmaxed weights, (steps, edges, candidates), 0 to 1.
        names: Names of candidates and edges.
        theme: Colours.
        norm: The scale, as ``weight_scale`` makes it for all cells of a run; without one, that of this cell.
        warmup: The step until which the architecture was not trained, which is greyed; None where it always was.

    Returns:
        The figure; a mark at the right of each panel shows the heaviest candidate that can be chosen at the last step.
    """
    _, count, candidates = weights.shape
    columns = min(3, count)
    lines = math.ceil(count / columns)
    figure = new_figure(PRINT_WIDTH, 1.0 + lines * (0.4 + 0.165 * candidates), theme)
    grid = figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True)
    scale = norm or weight_scale([weights])
    bounds = sample_bounds(steps)
    shown: Any = None
    for index, axes in enumerate(grid.flat):
        if index >= count:
            axes.set_visible(False)
            continue
        shown = _draw_edge(axes, bounds, weights[:, index], scale, names, theme)
        if warmup is not None:
            veil_warmup(axes, bounds[0], warmup, theme)
        axes.set_title(literal(f"edge {edge_label(index, names.edges)}"), loc="left", fontsize=8, color=theme.ink)
        axes.set_yticks(range(candidates), [literal(n) for n in names.candidates(candidates)])
    for axes in grid[-1]:
        axes.set_xlabel("step", fontsize=8, color=theme.ink)
    if shown is not None:
        add_weight_bar(figure, shown, grid, theme)
    title = f"{cell} cell: weights of every edge (◂ heaviest at the end{', grey: warm-up' if warmup else ''})"
    figure.suptitle(literal(title), fontsize=9.5, color=theme.ink, x=0.01, ha="left")
    return figure


def add_weight_bar(figure: Figure, shown: Any, axes: Any, theme: Theme) -> None:
    """The colour bar of a ``weight_scale`` beside the axes."""
    bar = figure.colorbar(shown, ax=axes, shrink=0.8, aspect=30, pad=0.02)
    bar.ax.tick_params(colors=theme.soft, labelsize=NOTE)
    bar.ax.yaxis.set_major_locator(MaxNLocator(5))
    bar.ax.yaxis.set_major_formatter(FormatStrFormatter("%.2g×"))
    bar.set_label("weight / uniform weight", color=theme.ink, fontsize=8)
    bar.outline.set_visible(False)


def _draw_edge(
    axes: Axes,
    bounds: npt.NDArray[np.float64],
    weights: npt.NDArray[np.float64],
    norm: TwoSlopeNorm,
    names: EdgeNames,
    theme: Theme,
) -> Any:
    """The weights (steps, candidates) of one edge; the drawn mesh, for the colour bar."""
    count = weights.shape[1]
    rows = np.arange(count + 1) - 0.5
    mesh = axes.pcolormesh(bounds, rows, weights.T * count, norm=norm, cmap=DIVERGING, rasterized=True)
    axes.tick_params(colors=theme.soft, labelsize=NOTE, length=2)
    for spine in axes.spines.values():
        spine.set_visible(False)
    if len(names.blocks) == count:
        for row in (i for i, name in enumerate(names.blocks) if name in names.unselectable):
            hatch_unselectable(axes, (bounds[0], row - 0.5), bounds[-1] - bounds[0], 1.0)
    winner = int(np.argmax(selectable_weights(weights[-1], names.blocks, names.unselectable)))
    axes.plot([bounds[-1]], [winner], marker="<", color=theme.ink, markersize=5, clip_on=False)
    return mesh


def hatch_unselectable(axes: Axes, corner: tuple[float, float], width: float, height: float) -> None:
    """Hatch the weights of a candidate that can never be chosen."""
    style: Style = {
        "facecolor": "none",
        "edgecolor": "#70787f",
        "linewidth": 0.0,
        "hatch": "////",
        "gid": "not selectable",
    }
    axes.add_patch(Rectangle(corner, width, height, **style))


def veil_warmup(axes: Axes, start: float, end: float, theme: Theme) -> None:
    """A grey veil over the steps in which the architecture was not trained."""
    axes.axvspan(start, end, facecolor=theme.soft, alpha=0.35, linewidth=0, gid="warm-up", zorder=2.5)
    axes.axvline(end, color=theme.soft, linewidth=0.8, zorder=2.6)


def sample_bounds(steps: Sequence[float]) -> npt.NDArray[np.float64]:
    """Where one sample ends and the next begins: n + 1 places for n steps, half-way between neighbours."""
    points = np.maximum.accumulate(np.asarray(steps, dtype=np.float64))
    if len(points) == 1:
        return np.array([points[0] - 0.5, points[0] + 0.5])
    middle = (points[1:] + points[:-1]) / 2
    return np.concatenate([[points[0]], middle, [points[-1]]])
