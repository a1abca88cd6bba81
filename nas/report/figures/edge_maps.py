"""The architecture weights of every edge over the steps of a search, as heat maps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nas.report.figures.run_events import edge_label
from nas.report.figures.style import Theme, literal, new_figure


def edge_map_figure(
    cell: str,
    steps: Sequence[float],
    weights: npt.NDArray[np.float64],
    blocks: Sequence[str],
    edges: Sequence[str],
    theme: Theme,
) -> Figure:
    """A panel an edge: steps to the right, candidate blocks upwards, the weight as brightness.

    Args:
        cell: Name of the cell.
        steps: Steps at which the weights were logged.
        weights: Softmaxed weights, (steps, edges, candidates), 0 to 1.
        blocks: Names of the candidates; numbered where there are not as many names as candidates.
        edges: Names of the edges; those that lack one are named as in a fully connected cell.
        theme: Colours.

    Returns:
        The figure; a mark at the right of each panel shows the heaviest candidate at the last step.
    """
    _, count, candidates = weights.shape
    names = list(blocks) if len(blocks) == candidates else [f"candidate {i}" for i in range(candidates)]
    columns = min(3, count)
    lines = math.ceil(count / columns)
    figure = new_figure(7.6, 0.6 + lines * (0.45 + 0.17 * candidates), theme)
    grid = figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True)
    brightest = max(float(np.nanmax(weights)), 1.5 / candidates)
    bounds = sample_bounds(steps)
    shown: Any = None
    for index, axes in enumerate(grid.flat):
        if index >= count:
            axes.set_visible(False)
            continue
        shown = _draw_edge(axes, bounds, weights[:, index], brightest, theme)
        axes.set_title(literal(f"edge {edge_label(index, edges)}"), loc="left", fontsize=8, color=theme.ink)
        axes.set_yticks(range(candidates), [literal(n) for n in names])
    for axes in grid[-1]:
        axes.set_xlabel("step", fontsize=8, color=theme.ink)
    if shown is not None:
        bar = figure.colorbar(shown, ax=grid, shrink=0.8, aspect=30, pad=0.02)
        bar.ax.tick_params(colors=theme.soft, labelsize=7)
        bar.set_label("softmaxed weight", color=theme.ink, fontsize=8)
        bar.outline.set_visible(False)
    title = f"{cell} cell: weights of every edge (◂ heaviest at the end)"
    figure.suptitle(literal(title), fontsize=10, color=theme.ink)
    return figure


def _draw_edge(
    axes: Axes, bounds: npt.NDArray[np.float64], weights: npt.NDArray[np.float64], brightest: float, theme: Theme
) -> Any:
    """The weights (steps, candidates) of one edge; the drawn mesh, for the colour bar."""
    rows = np.arange(weights.shape[1] + 1) - 0.5
    mesh = axes.pcolormesh(bounds, rows, weights.T, vmin=0.0, vmax=brightest, cmap="cividis", rasterized=True)
    axes.tick_params(colors=theme.soft, labelsize=6.5, length=2)
    for spine in axes.spines.values():
        spine.set_visible(False)
    winner = int(np.argmax(weights[-1]))
    axes.plot([bounds[-1]], [winner], marker="<", color=theme.colour(1), markersize=5, clip_on=False)
    return mesh


def sample_bounds(steps: Sequence[float]) -> npt.NDArray[np.float64]:
    """Where one sample ends and the next begins: n + 1 places for n steps, half-way between neighbours."""
    points = np.maximum.accumulate(np.asarray(steps, dtype=np.float64))
    if len(points) == 1:
        return np.array([points[0] - 0.5, points[0] + 0.5])
    middle = (points[1:] + points[:-1]) / 2
    return np.concatenate([[points[0]], middle, [points[-1]]])
