"""Curves over the steps of a run: losses and validation PSNR."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nas.report.figures.axis import two_decimals
from nas.report.figures.frame import widened
from nas.report.figures.run_events import RunEvent, series
from nas.report.figures.style import LINE_STYLES, Theme, add_legend, new_figure, style_axes


@dataclass(frozen=True)
class Curve:
    """One line of a figure.

    Attributes:
        label: What the legend says.
        steps: Steps of the run.
        values: The value at each step, finite.
        colour: Index into the colours of the theme.
    """

    label: str
    steps: Sequence[float]
    values: Sequence[float]
    colour: int


def losses_figure(events: Sequence[RunEvent], theme: Theme) -> Figure | None:
    """Training and architecture loss, the running mean over the raw values.

    None where no loss was logged, and of a discrete search: the losses of its trials, each of another network, make no
    curve.
    """
    if any(event.get("kind") == "trial" for event in events):
        return None
    curves = [
        Curve("training loss", *series(events, "train", "loss"), 0),
        Curve("architecture loss", *series(events, "train", "arch_loss"), 1),
        Curve("architecture loss", *series(events, "architecture", "arch_loss"), 1),
    ]
    return _figure([c for c in curves if any(c.values)], "loss", "Losses", theme, smooth=True)


def validation_figure(events: Sequence[RunEvent], theme: Theme) -> Figure | None:
    """PSNR (dB) on the validation images; None where nothing was validated."""
    names = {"psnr": "validation PSNR", "derived_psnr": "reduced to its genotype", "bicubic_psnr": "bicubic"}
    curves = [Curve(label, *series(events, "validation", n), i) for i, (n, label) in enumerate(names.items())]
    return _figure([c for c in curves if c.values], "PSNR (dB)", "Validation", theme)


def padded(low: float, high: float) -> tuple[float, float]:
    """The range with a twentieth of it on both sides."""
    return low - 0.05 * (high - low), high + 0.05 * (high - low)


def running_mean(values: Sequence[float]) -> npt.NDArray[np.float64]:
    """The mean over a trailing window of a twentieth of the series, at least two values.

    Args:
        values: n values.

    Returns:
        n means; the first is of the first value alone.
    """
    window = max(2, len(values) // 20)
    total = np.concatenate([[0.0], np.cumsum(np.asarray(values, dtype=np.float64))])
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(ends - window, 0)
    means: npt.NDArray[np.float64] = (total[ends] - total[starts]) / (ends - starts)
    return means


def _figure(curves: Sequence[Curve], unit: str, title: str, theme: Theme, smooth: bool = False) -> Figure | None:
    if not curves:
        return None
    figure = new_figure(4.8, 2.9, theme)
    axes = figure.add_subplot()
    style_axes(axes, theme)
    for curve in curves:
        _draw(axes, curve, theme, smooth)
    flat = [v for curve in curves for v in curve.values]
    if not smooth:
        axes.set_ylim(*padded(*widened(min(flat), max(flat))))
        two_decimals(axes, "y")
    elif min(flat) > 0 and max(flat) / min(flat) > 30:
        axes.set_yscale("log")
    axes.set_xlabel("step")
    axes.set_ylabel(unit)
    axes.set_title(title, loc="left", fontsize=10, color=theme.ink)
    add_legend(figure, axes, theme, inside=True)
    return figure


def _draw(axes: Axes, curve: Curve, theme: Theme, smooth: bool) -> None:
    colour = theme.colour(curve.colour)
    if smooth and len(curve.values) > 20:  # the raw values stay visible behind their running mean
        axes.plot(curve.steps, curve.values, color=colour, linewidth=0.7, alpha=0.35)
        label = f"{curve.label} (running mean)"
        axes.plot(curve.steps, running_mean(curve.values), color=colour, linewidth=1.6, label=label)
        return
    style: Any = LINE_STYLES[curve.colour % len(LINE_STYLES)]
    marker = "o" if len(curve.values) < 40 else ""
    axes.plot(
        curve.steps,
        curve.values,
        color=colour,
        linewidth=1.6,
        label=curve.label,
        linestyle=style,
        marker=marker,
        markersize=3,
    )
