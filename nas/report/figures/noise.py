"""Figures of a noise measurement: how much the seed of a training matters against the genotype."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from nas.experiments.frames import noise_of
from nas.report.figures.style import DARK, LIGHT, MARKERS, NOTE, PRINT_WIDTH, SMALL, new_figure, style_axes


def noise_figure(statistics: Mapping[str, Any], dark: bool = False) -> Figure:
    """All trainings: a column a genotype by rising mean, a mark a seed, a bar the mean.

    Args:
        statistics: Content of the ``statistics.json`` of a noise measurement.
        dark: In colours for a dark page.

    Returns:
        The figure; its title states the standard deviations of seeds and of genotypes.
    """
    theme = DARK if dark else LIGHT
    table = np.asarray(statistics["psnr"])
    order = np.argsort(table.mean(axis=1))
    figure = new_figure(min(max(5.2, 2.2 + 0.5 * len(table)), PRINT_WIDTH), 3.4, theme)
    axes = figure.add_subplot()
    style_axes(axes, theme)
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
    axes.set_xticks(range(len(order)), [statistics["genotypes"][i][:6] for i in order], rotation=60, fontsize=NOTE)
    axes.set_ylabel("PSNR (dB), validation images")
    c = statistics["stages"][-1]["components"]
    sd, low, high = noise_of(c)
    axes.set_title(
        f"seed noise SD {sd:.3f} dB ({low:.3f} to {high:.3f}), genotype SD "
        f"{c['genotype_sd']:.3f} dB, n = {c['genotypes']} x {c['seeds']}",
        loc="left",
        fontsize=SMALL,
        color=theme.ink,
    )
    axes.legend(fontsize=NOTE, frameon=False, labelcolor=theme.ink, ncols=3, loc="best")
    return figure


def seeds_needed_figure(statistics: Mapping[str, Any], dark: bool = False) -> Figure:
    """How many seeds a side show a difference (dB) between two genotypes, both on logarithmic axes.

    Args:
        statistics: Content of the ``statistics.json`` of a noise measurement.
        dark: In colours for a dark page.

    Returns:
        The figure, with a line for each stage of the trainings.
    """
    theme = DARK if dark else LIGHT
    figure = new_figure(5.0, 3.4, theme)
    axes = figure.add_subplot()
    style_axes(axes, theme)
    for index, stage in enumerate(statistics["stages"]):
        axes.plot(
            [e["difference"] for e in stage["needed"]],
            [e["seeds"] for e in stage["needed"]],
            f"{MARKERS[index % len(MARKERS)]}-",
            color=theme.colour(index),
            markersize=5,
            linewidth=1.3,
            label=f"{stage['steps']} steps, seed noise SD {noise_of(stage['components'])[0]:.3f} dB",
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    ticks = [e["difference"] for e in statistics["stages"][-1]["needed"]]
    axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axes.set_xticks([], minor=True)
    axes.set_xlabel("difference to be seen (dB)")
    axes.set_ylabel("seeds")
    axes.legend(fontsize=NOTE, frameon=False, labelcolor=theme.ink)
    return figure
