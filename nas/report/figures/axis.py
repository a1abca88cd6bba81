"""Axes that several figures share."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import FormatStrFormatter, FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from nas.report.figures.frame import widened
from nas.report.figures.numbers import format_count


def log_cost_axis(axes: Axes, values: Sequence[float], left: float = 1.5) -> None:
    """Make the x axis logarithmic, with space at both ends and few ticks, whatever the values span.

    Args:
        axes: Axes whose x is a cost: multiply-adds, parameters or ms.
        values: What is drawn, all above zero.
        left: By which factor the axis begins below the smallest value.
    """
    axes.set_xscale("log")
    low, high = min(values), max(values)
    axes.set_xlim(low / left, high * 1.9)
    few_decades = high / low < 30
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if few_decades else (1,)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: format_count(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())


def quality_axis(axes: Axes, values: Sequence[float]) -> None:
    """Make the y axis that of PSNR, with two decimals, space for names above and below, and no less than 0.5 dB.

    Args:
        axes: Axes whose y is PSNR.
        values: What is drawn, in dB.
    """
    low, high = widened(min(values), max(values))
    spread = high - low
    axes.set_ylim(low - 0.08 * spread, high + 0.16 * spread)
    axes.set_ylabel("PSNR (dB)")
    two_decimals(axes, "y")


def two_decimals(axes: Axes, axis: str, most: int = 0) -> None:
    """At most ``most`` intervals between ticks with two decimals on an axis (``"x"`` or ``"y"``) of PSNR; 0: as fit."""
    of = axes.xaxis if axis == "x" else axes.yaxis
    of.set_major_locator(MaxNLocator(nbins=most or (4 if axis == "x" else 7), steps=[1, 2, 2.5, 5, 10]))
    of.set_major_formatter(FormatStrFormatter("%.2f"))
