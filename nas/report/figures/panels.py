"""A grid of panels as wide as a page, for figures with a panel a cell."""

from __future__ import annotations

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nas.report.figures.style import PRINT_WIDTH, Theme, new_figure

#: panels beside each other
PER_LINE = 3


def panel_grid(count: int, height: float, theme: Theme, per_line: int = PER_LINE) -> tuple[Figure, list[Axes]]:
    """An empty figure with ``count`` panels of common axes.

    Args:
        count: How many panels, at least one.
        height: Of a line of panels in inches.
        theme: Colours.
        per_line: Panels beside each other at most.

    Returns:
        The figure and its panels, line by line.
    """
    columns = min(count, per_line)
    lines = math.ceil(count / columns)
    figure = new_figure(PRINT_WIDTH if columns > 1 else 4.6, height * lines, theme)
    grid = figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True)
    panels = list(grid.flat)
    for axes in panels[count:]:
        axes.remove()
    return figure, panels[:count]
