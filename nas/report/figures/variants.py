"""Figures that compare the variants of an experiment: every mean with its interval and n.

Each function takes the content of a ``statistics.json`` (where variants are called "arms") and whether the page is
dark.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nas.experiments.frames import difference_of
from nas.report.figures.axis import two_decimals
from nas.report.figures.correlation import find_score_pairs, rank_correlation_figure
from nas.report.figures.pareto import pareto_front
from nas.report.figures.style import DARK, LIGHT, MARKERS, Theme, add_legend, literal, new_figure, style_axes
from nas.statistics.sentences import percent

Statistics = Mapping[str, Any]


def variant_psnr_figure(statistics: Statistics, dark: bool = False) -> Figure:
    """A line a variant, the best mean on top: PSNR (dB) of each seed, the mean, and Student's interval."""
    theme = DARK if dark else LIGHT
    variants = sorted(statistics["arms"], key=lambda v: -float(v["psnr"]["mean"]))
    places = [v["name"] for v in statistics["arms"]]
    figure, axes = _lines([f"{v['name']} (n = {v['psnr']['n']})" for v in variants], theme)
    for line, variant in enumerate(variants):
        values, mean = variant["psnr_values"], variant["psnr"]
        axes.plot(values, [line - 0.18] * len(values), "o", color=theme.soft, markersize=4, alpha=0.8)
        _draw_interval(axes, line, mean["mean"], mean["low"], mean["high"], theme.colour(places.index(variant["name"])))
    _limit(axes, [x for v in variants for x in v["psnr_values"]], [v["psnr"] for v in variants])
    axes.set_xlabel(
        "PSNR (dB), validation images\ngrey: a seed; diamond: mean; bar: its 95 % interval; best mean on top"
    )
    two_decimals(axes, "x")
    return figure


def differences_figure(statistics: Statistics, dark: bool = False) -> Figure:
    """A line a comparison: the difference of mean PSNR (dB) from the reference, and its interval."""
    found, theme = statistics["comparisons"], DARK if dark else LIGHT
    figure, axes = _lines([f"{c['arm']} − {c['reference']}" for c in found], theme)
    axes.axvline(0.0, color=theme.ink, linewidth=1.0)
    for line, entry in enumerate(found):
        w = difference_of(entry)
        _draw_interval(axes, line, w["difference"], w["low"], w["high"], theme.colour(line))
    levels = {f"{percent(difference_of(c)['level'])} interval" for c in found}
    words = levels.pop() if len(levels) == 1 else "its interval"
    axes.set_xlabel(f"difference of mean PSNR (dB)\nbar: {words}; containing 0: not shown to differ")
    return figure


def discretisation_gap_figure(statistics: Statistics, dark: bool = False) -> Figure:
    """A line a variant with supernets: how much PSNR (dB) a supernet loses when reduced to its genotype."""
    variants, theme = [v for v in statistics["arms"] if v["gap"]], DARK if dark else LIGHT
    figure, axes = _lines([f"{v['name']} (n = {v['gap']['n']})" for v in variants], theme)
    axes.axvline(0.0, color=theme.grid, linewidth=1.0)
    for line, variant in enumerate(variants):
        gap = variant["gap"]
        _draw_interval(axes, line, gap["mean"], gap["low"], gap["high"], theme.colour(line))
    axes.set_xlabel("PSNR of the supernet minus that of its genotype in it (dB)\ndiamond: mean; bar: its 95 % interval")
    return figure


def agreement_figure(statistics: Statistics, dark: bool = False) -> Figure:
    """A line a variant: the share of equal choices between its genotypes, over the range of random genotypes."""
    theme = DARK if dark else LIGHT
    variants = [v for v in statistics["arms"] if v["agreement"]["share"] is not None]
    figure, axes = _lines([f"{v['name']} (n = {v['agreement']['pairs']} pairs)" for v in variants], theme)
    for line, variant in enumerate(variants):
        a = variant["agreement"]
        axes.barh(line, a["chance_high"] - a["chance_low"], left=a["chance_low"], height=0.5, color=theme.grid)
        axes.plot([a["chance"]] * 2, [line - 0.25, line + 0.25], color=theme.soft, linewidth=1.2)
        axes.plot(a["share"], line, "D", color=theme.colour(line), markersize=6)
    axes.set_xlim(-0.02, 1.02)
    axes.set_xlabel("share of equal choices; grey: 95 % of random genotypes")
    return figure


def ranking_figure(statistics: Statistics, dark: bool = False) -> Figure:
    """Small multiples: a panel a supernet, the rank of each genotype by training over its rank in the supernet."""
    return rank_correlation_figure(find_score_pairs(statistics["ranking"]), dark=dark)


def genotype_cost_figure(statistics: Statistics, dark: bool = False) -> Figure:
    """PSNR (dB) over multiply-adds (G) of all trained genotypes; a line joins the Pareto front."""
    points, theme = statistics["points"], DARK if dark else LIGHT
    figure = new_figure(5.2, 3.6, theme)
    axes = figure.add_subplot()
    style_axes(axes, theme)
    front = pareto_front(points, lambda p: float(p["multiply_adds"]), lambda p: float(p["psnr"]))
    axes.plot([p["multiply_adds"] / 1e9 for p in front], [p["psnr"] for p in front], color=theme.soft, linewidth=1.0)
    for index, name in enumerate(dict.fromkeys(p["arm"] for p in points)):
        members = [p for p in points if p["arm"] == name]
        axes.plot(
            [p["multiply_adds"] / 1e9 for p in members],
            [p["psnr"] for p in members],
            MARKERS[index % len(MARKERS)],
            color=theme.colour(index),
            markeredgecolor=theme.paper,
            markersize=6,
            linestyle="",
            label=literal(name),
        )
    axes.margins(0.1)
    axes.set_xlabel("multiply-adds (G); line: Pareto front")
    axes.set_ylabel("PSNR (dB), validation images")
    two_decimals(axes, "y")
    add_legend(figure, axes, theme, inside=True)
    return figure


def _lines(labels: Sequence[str], theme: Theme) -> tuple[Figure, Axes]:
    """A figure whose axes have one labelled line an entry, the first on top."""
    figure = new_figure(5.6, 1.2 + 0.42 * len(labels), theme)
    axes = figure.add_subplot()
    style_axes(axes, theme)
    axes.set_yticks(range(len(labels)), [literal(x) for x in labels])
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.tick_params(axis="y", labelcolor=theme.ink)
    return figure, axes


def _draw_interval(axes: Axes, line: int, middle: float, low: float | None, high: float | None, colour: str) -> None:
    if low is not None and high is not None:
        axes.plot([low, high], [line, line], color=colour, linewidth=2.0, solid_capstyle="butt")
    axes.plot(middle, line, "D", color=colour, markersize=6)


def _limit(axes: Axes, values: Sequence[float], summaries: Sequence[Mapping[str, Any]]) -> None:
    """Limits that show all values; a very wide interval, as of few seeds, may leave the axes."""
    ends = [v for s in summaries for v in (s["low"], s["high"]) if v is not None]
    span = max(max(values) - min(values), 1e-3)
    axes.set_xlim(
        max(min([*values, *ends]), min(values) - 3 * span) - 0.1 * span,
        min(max([*values, *ends]), max(values) + 3 * span) + 0.1 * span,
    )
