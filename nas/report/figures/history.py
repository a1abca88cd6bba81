"""What a search spent and found over time: trials, the growth of the Pareto archive, steps and trials an hour."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from nas.report.figures.numbers import count
from nas.report.figures.style import Theme, dress, new_figure, theme_legend

Event = Mapping[str, Any]
#: objectives of which more is better; of all others less is
UPWARD = frozenset({"psnr", "score", "ssim"})
AXES = {"psnr": "PSNR (dB)", "params": "parameters", "macs": "multiply-adds", "latency": "latency (ms)"}


def trials_figure(events: Sequence[Event], theme: Theme) -> Figure | None:
    """Value of every trial and the best so far; pruned and failed trials are marked. None without trials."""
    trials = [e for e in events if e.get("kind") == "trial" and finite(e.get("step"))]
    name = next((n for n in ("psnr", "score") if any(finite(e.get(n)) for e in trials)), None)
    if name is None or len(trials) < 2:
        return None
    figure = new_figure(6.4, 3.0, theme)
    axes = figure.add_subplot()
    dress(axes, theme)
    best_x: list[float] = []
    best_y: list[float] = []
    styles = {"complete": (0, "o"), "pruned": (4, "v"), "failed": (1, "x")}
    for state, (colour, marker) in styles.items():
        members = [e for e in trials if str(e.get("state", "complete")) == state]
        shown = [(e["step"], e[name]) for e in members if finite(e.get(name))]
        if shown:
            xs, ys = zip(*shown, strict=True)
            axes.scatter(xs, ys, s=16, marker=marker, color=theme.colour(colour), label=state, zorder=3)
        lost = [e["step"] for e in members if not finite(e.get(name))]
        if lost:
            axes.plot(
                lost,
                [0.02] * len(lost),
                "|",
                transform=axes.get_xaxis_transform(),
                color=theme.colour(colour),
                label=f"{state}, no value",
                markersize=8,
            )
    for event in trials:
        if str(event.get("state", "complete")) == "complete" and finite(event.get(name)):
            best_x.append(float(event["step"]))
            best_y.append(max(float(event[name]), best_y[-1] if best_y else -math.inf))
    if best_x:
        axes.plot(best_x, best_y, drawstyle="steps-post", color=theme.colour(1), linewidth=1.6, label="best so far")
    axes.set_xlabel("trial")
    axes.set_ylabel(AXES.get(name, name))
    axes.set_title("Trials", loc="left", fontsize=10, color=theme.ink)
    theme_legend(figure, axes, theme)
    return figure


@dataclass(frozen=True)
class Snapshot:
    """The archive when it had changed at ``step``: objective -> value for each genotype in it."""

    step: float
    points: tuple[dict[str, float], ...]


def snapshots(events: Sequence[Event]) -> tuple[list[str], list[Snapshot]]:
    """Names of the objectives (quality first) and the states of the archive, from ``pareto`` events."""
    names: list[str] = []
    found = []
    for event in events:
        if event.get("kind") != "pareto" or not isinstance(event.get("points"), list) or not finite(event.get("step")):
            continue
        points = []
        for point in event["points"]:
            if isinstance(point, Mapping):
                values = {str(k): float(v) for k, v in point.items() if finite(v)}
                names += [n for n in values if n not in names]
                points.append(values)
        found.append(Snapshot(float(event["step"]), tuple(points)))
    names.sort(key=lambda n: n not in UPWARD)
    # a genotype without one of the values has no place in the picture
    whole = [Snapshot(s.step, tuple(p for p in s.points if all(n in p for n in names))) for s in found]
    return names, [s for s in whole if s.points]


def hypervolume(points: Sequence[tuple[float, float]], reference: tuple[float, float]) -> float:
    """Area between a front of (quality up, cost down) and ``reference`` (the worst of both)."""
    area, best = 0.0, reference[0]
    for quality, cost in sorted(points, key=lambda p: (p[1], -p[0])):
        if quality > best and cost < reference[1]:
            area += (quality - best) * (reference[1] - cost)
            best = quality
    return area


def archive_figure(events: Sequence[Event], theme: Theme) -> Figure | None:
    """Left the front at a few moments, right its hypervolume and size; None without two objectives."""
    names, states = snapshots(events)
    if len(names) < 2 or not states:
        return None
    quality, cost = names[0], names[1]
    pairs = [[(p[quality], p[cost]) for p in s.points] for s in states]
    flat = [p for state in pairs for p in state]
    reference = min(p[0] for p in flat), max(p[1] for p in flat) * 1.0001
    figure = new_figure(7.6, 3.2, theme)
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    for axes in (left, right):
        dress(axes, theme)
    chosen = sorted({round(i) for i in np.linspace(0, len(states) - 1, min(4, len(states)))})
    for place, index in enumerate(chosen):
        last = index == chosen[-1]
        front = sorted(pairs[index], key=lambda p: p[1])
        shade = theme.colour(1) if last else theme.soft
        style: Any = "-" if last else ((0, (1, 2)), (0, (3, 2)), (0, (6, 2)))[place % 3]
        left.plot(
            [p[1] for p in front],
            [p[0] for p in front],
            drawstyle="steps-post",
            color=shade,
            linestyle=style,
            linewidth=1.6 if last else 1.0,
            marker="o",
            markersize=4 if last else 2.5,
            label=f"trial {states[index].step:.0f}",
        )
    left.set_xlabel(AXES.get(cost, cost))
    left.set_ylabel(AXES.get(quality, quality))
    if min(p[1] for p in flat) > 0 and max(p[1] for p in flat) / min(p[1] for p in flat) > 8:
        left.set_xscale("log")
    left.xaxis.set_major_formatter(FuncFormatter(lambda value, _: count(value)))
    left.tick_params(axis="x", labelrotation=30)
    left.set_title("Pareto archive", loc="left", fontsize=10, color=theme.ink)
    theme_legend(figure, left, theme, inside=True)
    steps = [s.step for s in states]
    whole = [hypervolume(p, reference) for p in pairs]
    top = max(whole) or 1.0
    right.plot(steps, [v / top for v in whole], drawstyle="steps-post", color=theme.colour(0), label="hypervolume")
    right.plot(
        steps,
        [len(p) / max(map(len, pairs)) for p in pairs],
        drawstyle="steps-post",
        linestyle=(0, (4, 2)),
        color=theme.colour(2),
        label=f"genotypes (most: {max(map(len, pairs))})",
    )
    right.set_ylim(0, 1.08)
    right.set_xlabel("trial")
    right.set_ylabel("share of the largest")
    right.set_title("Growth", loc="left", fontsize=10, color=theme.ink)
    theme_legend(figure, right, theme, inside=True)
    return figure


def rates(timing: Sequence[Event]) -> tuple[str, list[float], list[float]]:
    """("steps" or "trials", hours of work since the start, how many an hour) from a run's timing.

    Time between two sessions of a resumed run is no work and is left out; steps done again count again.
    """
    trials = [t for t in timing if t.get("kind") in ("trial", "start")]
    unit = "trials" if any(t.get("kind") == "trial" for t in trials) else "steps"
    marks = trials if unit == "trials" else [t for t in timing if t.get("kind") in ("train", "start")]
    hours, rate, elapsed = [], [], 0.0
    for before, after in pairwise(marks):
        seconds, done = float(after["time"]) - float(before["time"]), float(after["step"]) - float(before["step"])
        if after.get("kind") == "start" or seconds <= 0.0 or done <= 0.0:
            continue
        elapsed += seconds / 3600
        hours.append(elapsed)
        rate.append(3600 * done / seconds)
    return unit, hours, rate


def pace_figure(timing: Sequence[Event], theme: Theme) -> Figure | None:
    """Steps or trials an hour over the hours of work, and how many are done; None without two moments."""
    unit, hours, rate = rates(timing)
    if len(hours) < 2:
        return None
    figure = new_figure(6.4, 3.0, theme)
    axes = figure.add_subplot()
    dress(axes, theme)
    factor, unit_of_time = (1.0, "hours") if hours[-1] >= 2 else (60.0, "minutes")
    shown = [factor * h for h in hours]
    axes.plot(shown, rate, drawstyle="steps-pre", color=theme.colour(0), linewidth=1.4, label=f"{unit} an hour")
    widths = np.diff([0.0, *hours])
    mean = float(np.sum(np.array(rate) * widths) / np.sum(widths))
    axes.axhline(mean, color=theme.colour(1), linestyle=(0, (4, 2)), linewidth=1.2, label=f"mean {count(mean)}")
    axes.set_ylim(0, max(rate) * 1.1)
    axes.set_xlim(0, shown[-1])
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: count(value)))
    axes.set_xlabel(f"{unit_of_time} of work")
    axes.set_ylabel(f"{unit} an hour")
    axes.set_title(
        f"Pace: {count(mean * hours[-1])} {unit} in {_hours(hours[-1])}", loc="left", fontsize=10, color=theme.ink
    )
    theme_legend(figure, axes, theme)
    return figure


def _hours(value: float) -> str:
    return f"{value:.1f} h" if value >= 1 else f"{60 * value:.0f} min" if value > 0.05 else f"{3600 * value:.0f} s"


def finite(value: object) -> bool:
    """A real, finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
