"""An inset that shows all models, with a frame around those of the main axes, so that none is silently dropped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from nas.report.figures.axis import log_cost_axis, two_decimals
from nas.report.figures.frame import widened
from nas.report.figures.labels import Box, NamedPoint, write_labels
from nas.report.figures.placement import Marker, free_place
from nas.report.figures.style import NOTE, Style, Theme, style_axes

#: inches: the axes of the inset, and the space for its ticks and title
SIZE, LEFT, BELOW, ABOVE = (1.9, 1.0), 0.5, 0.26, 0.2
#: area of a marker in points squared
DOT = 12.0


class Model(Protocol):
    """A point of a chart of quality against cost."""

    @property
    def label(self) -> str:
        """Its name."""

    @property
    def multiply_adds(self) -> float:
        """Its cost."""

    @property
    def psnr(self) -> float:
        """Its quality in dB."""

    @property
    def published(self) -> bool:
        """Whether its numbers are from a paper."""


def draw_overview(
    figure: Figure,
    axes: Axes,
    theme: Theme,
    points: Sequence[Model],
    named: Sequence[Model],
    markers: Sequence[Marker],
) -> Box:
    """Draw all models small, in a free place of the main axes.

    Args:
        figure: The figure.
        axes: The main axes, whose lower end may be extended to make space.
        theme: Colours.
        points: All models.
        named: Those whose names are written in the inset.
        markers: What is drawn in the main axes and may not be covered.

    Returns:
        The box in pixels that the inset takes, ticks and title included.
    """
    width, height = (SIZE[0] + LEFT) * figure.dpi, (SIZE[1] + BELOW + ABOVE) * figure.dpi
    box = free_place(figure, axes, (width, height), markers)
    frame = axes.get_window_extent()
    x, y = box[0] + LEFT * figure.dpi, box[1] + BELOW * figure.dpi
    bounds = ((x - frame.x0) / frame.width, (y - frame.y0) / frame.height)
    shares = (SIZE[0] * figure.dpi / frame.width, SIZE[1] * figure.dpi / frame.height)
    inset = axes.inset_axes((*bounds, *shares), zorder=6)
    inset.set_in_layout(False)
    style_axes(inset, theme)
    inset.grid(False)
    for published in (True, False):
        alike = [p for p in points if p.published is published]
        colour = theme.colour(0 if published else 1)
        style: Style = {
            "edgecolors": colour,
            "facecolors": theme.paper if published else colour,
            "linewidths": 0.9,
        }
        inset.scatter([p.multiply_adds for p in alike], [p.psnr for p in alike], s=DOT, zorder=3, **style)
    _limits(inset, points)
    left, right = axes.get_xlim()
    bottom, top = axes.get_ylim()
    line: Style = {"fill": False, "edgecolor": theme.soft, "linewidth": 0.8, "zorder": 2}
    inset.add_patch(Rectangle((left, bottom), right - left, top - bottom, **line))
    inset.tick_params(labelsize=NOTE, length=2, pad=1.5)
    inset.set_title("all models; box: the part shown", loc="left", fontsize=NOTE, color=theme.ink, pad=2)
    written = [NamedPoint(p.multiply_adds, p.psnr, DOT, p.label, not p.published) for p in named]
    others = [(p.multiply_adds, p.psnr, DOT) for p in points if p not in named]
    write_labels(figure, inset, theme, written, others)
    return box


def _limits(inset: Axes, points: Sequence[Model]) -> None:
    costs, quality = [p.multiply_adds for p in points], [p.psnr for p in points]
    log_cost_axis(inset, costs)
    low, high = widened(min(quality), max(quality))
    inset.set_ylim(low - 0.18 * (high - low), high + 0.14 * (high - low))
    two_decimals(inset, "y", 3)
