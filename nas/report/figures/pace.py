"""How fast a run went: steps or trials an hour."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from nas.report.figures.numbers import format_count
from nas.report.figures.run_events import RunEvent
from nas.report.figures.style import Theme, add_legend, new_figure, style_axes


def hourly_rates(timing: Sequence[RunEvent]) -> tuple[str, list[float], list[float]]:
    """How many steps or trials an hour a run did, moment by moment.

    The time between two sessions of a resumed run is left out; steps that were repeated count again.

    Args:
        timing: Lines of a run's ``timing.jsonl``, in order.

    Returns:
        ``"trials"`` or ``"steps"``; hours of work since the start; the rate (1/h) up to each of these moments.
    """
    trials = [t for t in timing if t.get("kind") in ("trial", "start")]
    unit = "trials" if any(t.get("kind") == "trial" for t in trials) else "steps"
    marks = trials if unit == "trials" else [t for t in timing if t.get("kind") in ("train", "start")]
    hours, rates, elapsed = [], [], 0.0
    for before, after in pairwise(marks):
        seconds, done = float(after["time"]) - float(before["time"]), float(after["step"]) - float(before["step"])
        if after.get("kind") == "start" or seconds <= 0.0 or done <= 0.0:
            continue
        elapsed += seconds / 3600
        hours.append(elapsed)
        rates.append(3600 * done / seconds)
    return unit, hours, rates


def pace_figure(timing: Sequence[RunEvent], theme: Theme) -> Figure | None:
    """Steps or trials an hour over the time of work, with their mean.

    Args:
        timing: Lines of a run's ``timing.jsonl``, in order.
        theme: Colours.

    Returns:
        The figure, or None with fewer than two rates.
    """
    unit, hours, rates = hourly_rates(timing)
    if len(hours) < 2:
        return None
    figure = new_figure(4.8, 2.9, theme)
    axes = figure.add_subplot()
    style_axes(axes, theme)
    factor, unit_of_time = (1.0, "hours") if hours[-1] >= 2 else (60.0, "minutes")
    shown = [factor * h for h in hours]
    axes.plot(shown, rates, drawstyle="steps-pre", color=theme.colour(0), linewidth=1.4, label=f"{unit} an hour")
    widths = np.diff([0.0, *hours])
    mean = float(np.sum(np.array(rates) * widths) / np.sum(widths))
    axes.axhline(mean, color=theme.colour(1), linestyle=(0, (4, 2)), linewidth=1.2, label=f"mean {format_count(mean)}")
    axes.set_ylim(0, max(rates) * 1.1)
    axes.set_xlim(0, shown[-1])
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: format_count(value)))
    axes.set_xlabel(f"{unit_of_time} of work")
    axes.set_ylabel(f"{unit} an hour")
    title = f"Pace: {format_count(mean * hours[-1])} {unit} in {_time(hours[-1])}"
    axes.set_title(title, loc="left", fontsize=10, color=theme.ink)
    add_legend(figure, axes, theme, inside=True)
    return figure


def _time(hours: float) -> str:
    return f"{hours:.1f} h" if hours >= 1 else f"{60 * hours:.0f} min" if hours > 0.05 else f"{3600 * hours:.0f} s"
