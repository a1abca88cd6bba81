"""The trained genotypes of a table: PSNR over multiply-adds, and the front."""

from __future__ import annotations

from matplotlib.figure import Figure

from nas.estimators.table_values import StoredTable
from nas.report.figures.pareto import pareto_front
from nas.report.figures.style import DARK, LIGHT, new_figure, style_axes


def table_figure(table: StoredTable, dark: bool = False) -> Figure:
    """A mark for each trained genotype: its expected PSNR (dB) over its multiply-adds (G); a line joins the front.

    Args:
        table: With two trained genotypes or more.
        dark: In colours for a dark page.
    """
    theme = DARK if dark else LIGHT
    points = [(table.costs[key]["macs"] / 1e9, psnr) for key in table.runs if (psnr := table.expected(key)) is not None]
    figure = new_figure(5.2, 3.4, theme)
    axes = figure.add_subplot()
    style_axes(axes, theme)
    front = pareto_front(points, lambda p: p[0], lambda p: p[1])
    axes.plot([p[0] for p in front], [p[1] for p in front], color=theme.soft, linewidth=1.0)
    axes.plot(*zip(*points, strict=True), "o", color=theme.colour(0), markersize=4, alpha=0.7, linestyle="")
    axes.set_xlabel("multiply-adds (G)")
    axes.set_ylabel("PSNR (dB), validation squares")
    axes.set_title(f"{len(points)} of {len(table.costs)} genotypes", loc="left", fontsize=9, color=theme.ink)
    return figure
