"""How the Pareto archive of a search grew: its front at a few moments, its hypervolume and its size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from nas.objectives.objectives import direction
from nas.objectives.pareto import hypervolume
from nas.report.figures.numbers import format_count, is_finite_number
from nas.report.figures.run_events import RunEvent
from nas.report.figures.style import PRINT_WIDTH, Theme, add_legend, literal, new_figure, style_axes
from nas.report.figures.trials import AXIS_LABELS

#: how many moments the left panel shows at most
MOST_FRONTS = 4


@dataclass(frozen=True)
class Snapshot:
    """The archive after it changed.

    Attributes:
        step: The trial after which it stood so.
        points: The objectives of each genotype in it.
    """

    step: float
    points: tuple[dict[str, float], ...]


def snapshots(events: Sequence[RunEvent]) -> tuple[list[str], list[Snapshot]]:
    """The states of the archive, from the events of kind ``pareto``.

    Args:
        events: Events of a run, in order.

    Returns:
        The names of the objectives, quality first, and the states with at least one genotype. A genotype that lacks
        an objective is left out.
    """
    names: list[str] = []
    found = []
    for event in events:
        listed = event.get("points")
        if event.get("kind") != "pareto" or not isinstance(listed, list) or not is_finite_number(event.get("step")):
            continue
        points = []
        for point in listed:
            if isinstance(point, Mapping):
                values = {str(k): float(v) for k, v in point.items() if is_finite_number(v)}
                names += [n for n in values if n not in names]
                points.append(values)
        found.append(Snapshot(float(event["step"]), tuple(points)))
    names.sort(key=lambda n: direction(n) == "minimize")
    whole = [Snapshot(s.step, tuple(p for p in s.points if all(n in p for n in names))) for s in found]
    return names, [s for s in whole if s.points]


def hypervolumes(states: Sequence[Snapshot], objectives: Sequence[str]) -> list[float]:
    """The hypervolume of each state against the worst value that any state has in each objective.

    Args:
        states: States of one archive.
        objectives: Two objectives.

    Returns:
        One value a state, in the product of the units of the objectives.
    """
    flat = [p for s in states for p in s.points]
    worst = {n: (max if direction(n) == "minimize" else min)(p[n] for p in flat) for n in objectives}
    # just beyond the most expensive point, so that it too has an area
    reference = [worst[n] * 1.0001 if direction(n) == "minimize" else worst[n] for n in objectives]
    return [hypervolume([[p[n] for n in objectives] for p in s.points], reference, objectives) for s in states]


def archive_figure(events: Sequence[RunEvent], theme: Theme) -> Figure | None:
    """Left the front at a few moments, right the hypervolume and the number of genotypes over the trials.

    Args:
        events: Events of a run; those of kind ``pareto`` are drawn.
        theme: Colours.

    Returns:
        The figure, or None where the archive has fewer than two objectives or was never logged.
    """
    names, states = snapshots(events)
    if len(names) < 2 or not states:
        return None
    quality, cost = names[:2]
    figure = new_figure(PRINT_WIDTH, 3.2, theme)
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    for axes in (left, right):
        style_axes(axes, theme)
    _draw_fronts(left, states, quality, cost, theme)
    add_legend(figure, left, theme, inside=True)
    _draw_growth(right, states, hypervolumes(states, (quality, cost)), theme)
    add_legend(figure, right, theme, inside=True)
    return figure


def _draw_fronts(axes: Axes, states: Sequence[Snapshot], quality: str, cost: str, theme: Theme) -> None:
    chosen = sorted({round(i) for i in np.linspace(0, len(states) - 1, min(MOST_FRONTS, len(states)))})
    for place, index in enumerate(chosen):
        last = index == chosen[-1]
        front = sorted((p[cost], p[quality]) for p in states[index].points)
        style: Any = "-" if last else ((0, (1, 2)), (0, (3, 2)), (0, (6, 2)))[place % 3]
        axes.plot(
            [p[0] for p in front],
            [p[1] for p in front],
            drawstyle="steps-post",
            color=theme.colour(1) if last else theme.soft,
            linestyle=style,
            linewidth=1.6 if last else 1.0,
            marker="o",
            markersize=4 if last else 2.5,
            label=f"trial {states[index].step:.0f}",
        )
    axes.set_xlabel(literal(AXIS_LABELS.get(cost, cost)))
    axes.set_ylabel(literal(AXIS_LABELS.get(quality, quality)))
    costs = [p[cost] for s in states for p in s.points]
    if min(costs) > 0 and max(costs) / min(costs) > 8:
        axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: format_count(value)))
    axes.tick_params(axis="x", labelrotation=30)
    axes.set_title("Pareto archive", loc="left", fontsize=10, color=theme.ink)


def _draw_growth(axes: Axes, states: Sequence[Snapshot], volumes: Sequence[float], theme: Theme) -> None:
    steps = [s.step for s in states]
    largest = max(volumes) or 1.0
    shares = [v / largest for v in volumes]
    axes.plot(steps, shares, drawstyle="steps-post", color=theme.colour(0), label="hypervolume")
    most = max(len(s.points) for s in states)
    axes.plot(
        steps,
        [len(s.points) / most for s in states],
        drawstyle="steps-post",
        linestyle=(0, (4, 2)),
        color=theme.colour(2),
        label=f"genotypes (most: {most})",
    )
    axes.set_ylim(0, 1.08)
    axes.set_xlabel("trial")
    axes.set_ylabel("share of the largest")
    axes.set_title("Growth", loc="left", fontsize=10, color=theme.ink)
