"""The trials of a discrete search: the value of each, and the best so far."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nas.objectives.objectives import QUALITIES
from nas.report.figures.numbers import is_finite_number
from nas.report.figures.run_events import RunEvent
from nas.report.figures.style import Theme, add_legend, literal, new_figure, style_axes

#: how objectives are named on an axis
AXIS_LABELS: Mapping[str, str] = {
    "psnr": "PSNR (dB)",
    "params": "parameters",
    "macs": "multiply-adds",
    "latency": "latency (ms)",
}
#: state of a trial -> index of its colour, marker
_STATES = {"complete": (0, "o"), "pruned": (4, "v"), "failed": (1, "x")}


def trials_figure(events: Sequence[RunEvent], theme: Theme) -> Figure | None:
    """Value of every trial and the best so far; pruned and failed trials have marks of their own.

    Args:
        events: Events of a run; those of kind ``trial`` are drawn.
        theme: Colours.

    Returns:
        The figure, or None where fewer than two trials were logged or none has a value.
    """
    trials = [e for e in events if e.get("kind") == "trial" and is_finite_number(e.get("step"))]
    name = quality_of_trials(trials)
    if name is None or len(trials) < 2:
        return None
    figure = new_figure(4.8, 2.9, theme)
    axes = figure.add_subplot()
    style_axes(axes, theme)
    for state in _STATES:
        _draw_state(axes, [e for e in trials if trial_state(e) == state], state, name, theme)
    best_x: list[float] = []
    best_y: list[float] = []
    for event in trials:
        if trial_state(event) == "complete" and is_finite_number(event.get(name)):
            best_x.append(float(event["step"]))
            best_y.append(max(float(event[name]), best_y[-1] if best_y else -math.inf))
    if best_x:
        axes.plot(best_x, best_y, drawstyle="steps-post", color=theme.colour(1), linewidth=1.6, label="best so far")
    axes.set_xlabel("trial")
    axes.set_ylabel(literal(AXIS_LABELS.get(name, name)))
    axes.set_title("Trials", loc="left", fontsize=10, color=theme.ink)
    add_legend(figure, axes, theme, inside=True)
    return figure


def quality_of_trials(trials: Sequence[RunEvent]) -> str | None:
    """The quality that trials were judged by, ``psnr`` or ``score``; None where no trial has a value of either."""
    return next((n for n in QUALITIES if any(is_finite_number(e.get(n)) for e in trials)), None)


def trial_state(event: RunEvent) -> str:
    """How a trial ended: complete, pruned or failed."""
    return str(event.get("state", "complete"))


def _draw_state(axes: Axes, trials: Sequence[RunEvent], state: str, name: str, theme: Theme) -> None:
    """The trials that ended alike: those with a value as points, those without one as ticks at the bottom."""
    index, marker = _STATES[state]
    colour = theme.colour(index)
    shown = [(e["step"], e[name]) for e in trials if is_finite_number(e.get(name))]
    if shown:
        xs, ys = zip(*shown, strict=True)
        axes.scatter(xs, ys, s=16, marker=marker, color=colour, label=state, zorder=3)
    without = [e["step"] for e in trials if not is_finite_number(e.get(name))]
    if without:
        at_the_bottom = axes.get_xaxis_transform()
        label, low = f"{state}, no value", [0.02] * len(without)
        axes.plot(without, low, "|", transform=at_the_bottom, color=colour, label=label, markersize=8)
