"""Figures of a campaign or a noise measurement, from its statistics.json alone: every mean with its interval and n."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nas.report.figures.style import DARK, LIGHT, Theme, dress, new_figure

Statistics = Mapping[str, Any]
#: marker of each arm or seed in turn
MARKERS = "osD^vP*X"


CAPTIONS = {
    "dots": "PSNR of the genotypes found, trained alike: a mark a seed, mean and 95 % interval.",
    "cost": "PSNR against multiply-adds of every genotype trained; the line joins those that no other beats in both.",
    "differences": "Difference from the reference and its interval (Welch): one that holds zero decides nothing.",
    "ranking": "Supernet against training from scratch: a mark a genotype, colours are supernets (seeds).",
    "agreement": "Share of equal choices between genotypes of different seeds; grey: 95 % of what chance gives.",
    "gaps": "Discretisation gap of the supernets: mean and 95 % interval.",
    "noise": "All trainings, genotypes by rising mean: noise is the height of a column, spread the rise of the bars.",
    "needed": "Seeds a side that a comparison of two genotypes needs (80 % power, two-sided t-test at 5 %).",
}


def campaign_figures(statistics: Statistics) -> list[tuple[str, Callable[[bool], Figure]]]:
    """(caption, function of ``dark`` that draws) for all that the statistics have figures for."""
    arms: Sequence[Statistics] = statistics.get("arms", ())
    noise = statistics.get("kind") == "noise"
    wanted: list[tuple[str, bool, Callable[..., Figure]]] = [
        ("noise", noise, noise_strip),
        ("needed", noise, seeds_needed_figure),
        ("dots", bool(arms), dots),
        ("cost", bool(arms), cost_plot),
        ("differences", bool(statistics.get("comparisons")), differences),
        ("ranking", bool(statistics.get("ranking")), rank_scatter),
        ("agreement", any(a["agreement"]["share"] is not None for a in arms), agreement),
        ("gaps", any(a["gap"] for a in arms), gaps),
    ]
    return [(CAPTIONS[name], partial(draw, statistics)) for name, there, draw in wanted if there]


def dots(statistics: Statistics, dark: bool = False) -> Figure:
    """A line an arm: each seed, the mean, and Student's interval."""
    arms, theme = statistics["arms"], DARK if dark else LIGHT
    figure, axes = _rows([f"{a['name']} (n = {a['psnr']['n']})" for a in arms], theme)
    for row, arm in enumerate(arms):
        values = arm["psnr_values"]
        axes.plot(values, [row - 0.18] * len(values), "o", color=theme.soft, markersize=4, alpha=0.8)
        _interval(axes, row, arm["psnr"]["mean"], arm["psnr"]["low"], arm["psnr"]["high"], theme.colour(row))
    _near(axes, [v for a in arms for v in a["psnr_values"]], [a["psnr"] for a in arms])
    axes.set_xlabel("PSNR (dB), validation images")
    return figure


def differences(statistics: Statistics, dark: bool = False) -> Figure:
    """A line a comparison, around zero."""
    found, theme = statistics["comparisons"], DARK if dark else LIGHT
    figure, axes = _rows([f"{c['arm']} - {c['reference']}" for c in found], theme)
    axes.axvline(0.0, color=theme.ink, linewidth=1.0)
    for row, entry in enumerate(found):
        w = entry["welch"]
        _interval(axes, row, w["difference"], w["low"], w["high"], theme.colour(row))
    axes.set_xlabel("difference of mean PSNR (dB)")
    return figure


def gaps(statistics: Statistics, dark: bool = False) -> Figure:
    """A line an arm with supernets."""
    arms, theme = [a for a in statistics["arms"] if a["gap"]], DARK if dark else LIGHT
    figure, axes = _rows([f"{a['name']} (n = {a['gap']['n']})" for a in arms], theme)
    axes.axvline(0.0, color=theme.grid, linewidth=1.0)
    for row, arm in enumerate(arms):
        _interval(axes, row, arm["gap"]["mean"], arm["gap"]["low"], arm["gap"]["high"], theme.colour(row))
    axes.set_xlabel("PSNR of the supernet minus that of its genotype in it (dB)")
    return figure


def agreement(statistics: Statistics, dark: bool = False) -> Figure:
    """A line an arm: share of equal choices over the band of chance."""
    arms, theme = [a for a in statistics["arms"] if a["agreement"]["share"] is not None], DARK if dark else LIGHT
    figure, axes = _rows([f"{a['name']} (n = {a['agreement']['pairs']} pairs)" for a in arms], theme)
    for row, arm in enumerate(arms):
        a = arm["agreement"]
        axes.barh(row, a["chance_high"] - a["chance_low"], left=a["chance_low"], height=0.5, color=theme.grid)
        axes.plot([a["chance"]] * 2, [row - 0.25, row + 0.25], color=theme.soft, linewidth=1.2)
        axes.plot(a["share"], row, "D", color=theme.colour(row), markersize=6)
    axes.set_xlim(-0.02, 1.02)
    axes.set_xlabel("share of equal choices")
    return figure


def rank_scatter(statistics: Statistics, dark: bool = False) -> Figure:
    """A panel an arm, PSNR after training over PSNR in the supernet; tau of each supernet in the legend."""
    ranking, theme = statistics["ranking"], DARK if dark else LIGHT
    names = list(dict.fromkeys(entry["arm"] for entry in ranking))
    figure = new_figure(min(3.4 * len(names), 10.2) if len(names) > 1 else 4.6, 4.2, theme)
    panels = figure.subplots(1, len(names), squeeze=False)[0]
    for panel, name in zip(panels, names, strict=True):
        dress(panel, theme)
        for index, entry in enumerate(e for e in ranking if e["arm"] == name):
            found = entry["correlation"]
            tau = "no tau" if found["tau"] is None else f"tau {found['tau']:+.2f}"
            panel.plot(
                [p["supernet"] for p in entry["pairs"]],
                [p["trained"] for p in entry["pairs"]],
                MARKERS[index % len(MARKERS)],
                color=theme.colour(index),
                markersize=5,
                markeredgecolor=theme.paper,
                linestyle="",
                label=f"seed {entry['seed']}: {tau}, n = {found['n']}",
            )
        panel.set_title(name, fontsize=9, color=theme.ink)
        panel.set_xlabel("in the supernet (dB)")
        panel.margins(0.12)
        panel.legend(
            fontsize=7, frameon=False, labelcolor=theme.ink, loc="upper center", bbox_to_anchor=(0.5, -0.2)
        )  # below, where no point is
    panels[0].set_ylabel("trained from scratch (dB)")
    return figure


def cost_plot(statistics: Statistics, dark: bool = False) -> Figure:
    """All trained genotypes; the front of fewer multiply-adds and higher PSNR is joined."""
    points, theme = statistics["points"], DARK if dark else LIGHT
    figure = new_figure(5.2, 3.6, theme)
    axes = figure.add_subplot()
    dress(axes, theme)
    front = pareto(points)
    axes.plot([p["multiply_adds"] / 1e9 for p in front], [p["psnr"] for p in front], color=theme.soft, linewidth=1.0)
    for index, arm in enumerate(dict.fromkeys(p["arm"] for p in points)):
        members = [p for p in points if p["arm"] == arm]
        axes.plot(
            [p["multiply_adds"] / 1e9 for p in members],
            [p["psnr"] for p in members],
            MARKERS[index % len(MARKERS)],
            color=theme.colour(index),
            markeredgecolor=theme.paper,
            markersize=6,
            linestyle="",
            label=arm,
        )
    axes.margins(0.1)
    axes.set_xlabel("multiply-adds (G)")
    axes.set_ylabel("PSNR (dB), validation images")
    axes.legend(fontsize=7, frameon=False, labelcolor=theme.ink, loc="best")
    return figure


def pareto(points: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The points that no other beats in both, by rising multiply-adds."""
    front: list[Mapping[str, Any]] = []
    for point in sorted(points, key=lambda p: (p["multiply_adds"], -p["psnr"])):
        if not front or point["psnr"] > front[-1]["psnr"]:
            front.append(point)
    return front


def noise_strip(statistics: Statistics, dark: bool = False) -> Figure:
    """A column a genotype, a mark a seed, a bar its mean."""
    theme = DARK if dark else LIGHT
    table = np.asarray(statistics["psnr"])
    order = np.argsort(table.mean(axis=1))
    figure = new_figure(min(max(5.2, 2.2 + 0.5 * len(table)), 9.0), 3.4, theme)
    axes = figure.add_subplot()
    dress(axes, theme)
    for index, seed in enumerate(statistics["seeds"]):
        axes.plot(
            range(len(order)),
            table[order, index],
            MARKERS[index % len(MARKERS)],
            color=theme.colour(index),
            markersize=5,
            linestyle="",
            label=f"seed {seed}",
        )
    means = table.mean(axis=1)[order]
    axes.hlines(means, np.arange(len(order)) - 0.3, np.arange(len(order)) + 0.3, color=theme.ink, linewidth=1.6)
    axes.set_xticks(range(len(order)), [statistics["genotypes"][i][:6] for i in order], rotation=60, fontsize=7)
    axes.set_ylabel("PSNR (dB), validation images")
    c = statistics["stages"][-1]["components"]
    axes.set_title(
        f"seed SD {c['seed_sd']:.3f} dB ({c['seed_low']:.3f} to {c['seed_high']:.3f}), genotype SD "
        f"{c['genotype_sd']:.3f} dB, n = {c['genotypes']} x {c['seeds']}",
        loc="left",
        fontsize=8,
        color=theme.ink,
    )
    axes.legend(fontsize=7, frameon=False, labelcolor=theme.ink, ncols=3, loc="best")
    return figure


def seeds_needed_figure(statistics: Statistics, dark: bool = False) -> Figure:
    """A line a stage of the runs, difference to be seen against seeds a side, both on log axes."""
    theme = DARK if dark else LIGHT
    figure = new_figure(5.0, 3.4, theme)
    axes = figure.add_subplot()
    dress(axes, theme)
    for index, stage in enumerate(statistics["stages"]):
        axes.plot(
            [e["difference"] for e in stage["needed"]],
            [e["seeds"] for e in stage["needed"]],
            f"{MARKERS[index % len(MARKERS)]}-",
            color=theme.colour(index),
            markersize=5,
            linewidth=1.3,
            label=f"{stage['steps']} steps, seed SD {stage['components']['seed_sd']:.3f} dB",
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    ticks = [e["difference"] for e in statistics["stages"][-1]["needed"]]
    axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axes.set_xticks([], minor=True)
    axes.set_xlabel("difference to be seen (dB)")
    axes.set_ylabel("seeds a side")
    axes.legend(fontsize=7, frameon=False, labelcolor=theme.ink)
    return figure


def _rows(labels: Sequence[str], theme: Theme) -> tuple[Figure, Axes]:
    """Axes with one labelled line an entry, the first on top."""
    figure = new_figure(5.6, 1.2 + 0.42 * len(labels), theme)
    axes = figure.add_subplot()
    dress(axes, theme)
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.tick_params(axis="y", labelcolor=theme.ink)
    return figure, axes


def _interval(axes: Axes, row: int, middle: float, low: float | None, high: float | None, colour: str) -> None:
    if low is not None and high is not None:
        axes.plot([low, high], [row, row], color=colour, linewidth=2.0, solid_capstyle="butt")
    axes.plot(middle, row, "D", color=colour, markersize=6)


def _near(axes: Axes, values: Sequence[float], summaries: Sequence[Mapping[str, Any]]) -> None:
    """Limits that show all values; intervals of few seeds may run out of the picture rather than flatten it."""
    ends = [v for s in summaries for v in (s["low"], s["high"]) if v is not None]
    span = max(max(values) - min(values), 1e-3)
    axes.set_xlim(
        max(min([*values, *ends]), min(values) - 3 * span) - 0.1 * span,
        min(max([*values, *ends]), max(values) + 3 * span) + 0.1 * span,
    )
