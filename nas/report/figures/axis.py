"""Axes that several figures share."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

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
    """Make the y axis that of PSNR, with space for names above and below.

    Args:
        axes: Axes whose y is PSNR.
        values: What is drawn, in dB.
    """
    spread = max(max(values) - min(values), 0.1)
    axes.set_ylim(min(values) - 0.14 * spread, max(values) + 0.16 * spread)
    axes.set_ylabel("PSNR (dB)")
