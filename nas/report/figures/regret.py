"""How far searches are from the best genotype, over trials and over simulated time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nas.report.figures.style import LINE_STYLES, PRINT_WIDTH, Theme, add_legend, literal, new_figure, style_axes

#: name of an axis -> title of the panel, label below it, divisor of its values
PANELS = {
    "trials": ("Over trials", "trials", 1.0),
    "seconds": ("Over simulated cost", "simulated CPU hours", 3600.0),
}


class RegretPoint(Protocol):
    """Mean regret of a strategy at one moment; ``nas.bench`` makes such points."""

    @property
    def strategy(self) -> str:
        """Name of the strategy."""

    @property
    def axis(self) -> str:
        """A key of ``PANELS``."""

    @property
    def x(self) -> float:
        """The moment."""

    @property
    def mean(self) -> float:
        """Mean regret in dB."""

    @property
    def low(self) -> float:
        """Lower end of the interval of the mean."""

    @property
    def high(self) -> float:
        """Upper end of the interval of the mean."""


def regret_figure(points: Iterable[RegretPoint], title: str, theme: Theme) -> Figure | None:
    """Two panels with a line for each strategy and a band for the interval of its mean.

    Args:
        points: Of one scenario.
        title: Above the left panel.
        theme: Colours.

    Returns:
        The figure; None without points.
    """
    known = list(points)
    names = list(dict.fromkeys(point.strategy for point in known))
    if not names:
        return None
    figure = new_figure(PRINT_WIDTH, 3.2, theme)
    panels = figure.subplots(1, 2, sharey=True)
    for axes, (axis, (heading, label, divisor)) in zip(panels, PANELS.items(), strict=True):
        style_axes(axes, theme)
        for index, name in enumerate(names):
            mine = [point for point in known if point.axis == axis and point.strategy == name]
            _draw(axes, mine, index, divisor, theme)
        axes.set_xlabel(label)
        axes.set_title(literal(f"{title}: {heading.lower()}"), loc="left", fontsize=9, color=theme.ink)
    if all(point.low > 0 for point in known):
        panels[0].set_yscale("log")
    panels[0].set_ylabel("regret (dB)")
    add_legend(figure, panels[0], theme)
    return figure


def _draw(axes: Axes, points: Sequence[RegretPoint], index: int, divisor: float, theme: Theme) -> None:
    xs = [point.x / divisor for point in points]
    colour = theme.colour(index)
    style = LINE_STYLES[index // 7 % len(LINE_STYLES)]
    label = literal(points[0].strategy) if points else None
    axes.plot(xs, [point.mean for point in points], color=colour, linestyle=style, linewidth=1.5, label=label)
    lows, highs = [point.low for point in points], [point.high for point in points]
    axes.fill_between(xs, lows, highs, color=colour, alpha=0.2, linewidth=0)
