"""Does the supernet rank genotypes as training does? The scatter of both, with Kendall's tau."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from matplotlib.figure import Figure

from nas.errors import NasError
from nas.report.figures.history import finite
from nas.report.figures.style import DARK, LIGHT, dress, new_figure, theme_legend
from nas.statistics.intervals import kendall
from nas.statistics.sentences import correlation

#: under which names the two values of a pair may stand in a campaign's statistics
SUPERNET = ("supernet", "supernet_psnr", "x")
RETRAINED = ("retrained", "retrained_psnr", "trained", "trained_psnr", "psnr", "y")


@dataclass(frozen=True)
class Pair:
    """One genotype: PSNR (dB) by the supernet's weights and after training from scratch; ``group``: its kind."""

    supernet: float
    retrained: float
    group: str = ""


def read_pairs(pairs: Iterable[Any]) -> list[Pair]:
    """Pairs from plain values: mappings with the names above or (supernet, retrained); others are dropped."""
    found = []
    for entry in pairs:
        if isinstance(entry, Pair):
            found.append(entry)
            continue
        x: Any = None
        y: Any = None
        group = ""
        if isinstance(entry, Mapping):
            x = next((entry[n] for n in SUPERNET if n in entry), None)
            y = next((entry[n] for n in RETRAINED if n in entry), None)
            group = str(entry.get("arm") or entry.get("group") or "")
        elif isinstance(entry, Sequence) and not isinstance(entry, str) and len(entry) >= 2:
            x, y = entry[0], entry[1]
        if finite(x) and finite(y):
            found.append(Pair(float(x), float(y), group))
    return found


def find_pairs(statistics: Any) -> list[Pair]:
    """The pairs in a campaign's statistics: of its ``ranking``, a group a supernet, or any list named "pairs"."""
    if isinstance(statistics, list):
        return [pair for entry in statistics for pair in find_pairs(entry)]
    if not isinstance(statistics, Mapping):
        return []
    found: list[Pair] = []
    for key, value in statistics.items():
        if key == "pairs" and isinstance(value, list):
            name = str(statistics.get("arm") or "")
            seed = statistics.get("seed")
            group = name + (f", seed {seed}" if seed is not None else "")
            found += [replace(pair, group=group or pair.group) for pair in read_pairs(value)]
        elif isinstance(value, Mapping | list):
            found += find_pairs(value)
    return found


def scatter(pairs: Iterable[Any], *, dark: bool = False) -> Figure:
    """Validation PSNR after training over that by the supernet's weights, a point a genotype.

    ``pairs`` as ``read_pairs`` takes them. Kendall's tau-b with its interval and n stands in the title; of several
    groups (supernets) each has its own in the legend, as their scores do not compare. Fewer than two pairs are a
    NasError.
    """
    points = read_pairs(pairs)
    if len(points) < 2:
        raise NasError(
            f"a rank correlation needs at least two genotypes with both values, not {len(points)}; "
            "raise retrain.random_genotypes of the campaign"
        )
    theme = DARK if dark else LIGHT
    figure = new_figure(4.6, 3.9, theme)
    axes = figure.add_subplot()
    dress(axes, theme)
    groups = list(dict.fromkeys(p.group for p in points))
    for index, group in enumerate(groups):
        members = [p for p in points if p.group == group]
        axes.scatter(
            [p.supernet for p in members],
            [p.retrained for p in members],
            s=34,
            marker="os^Dv"[index % 5],
            color=theme.colour(index),
            edgecolors=theme.paper,
            linewidths=0.6,
            label=group if len(groups) == 1 else f"{group or 'genotypes'}: {_short(members)}",
            zorder=3,
        )
    axes.margins(0.12)
    axes.set_xlabel("PSNR by the supernet's weights (dB)")
    axes.set_ylabel("PSNR trained from scratch (dB)")
    whole = kendall([p.supernet for p in points], [p.retrained for p in points])
    title = f"Kendall's {correlation(whole)}" if len(groups) == 1 else "Kendall's tau of each supernet"
    axes.set_title(title, loc="left", fontsize=8.5, color=theme.ink)
    if len(groups) > 1 or groups[0]:
        low, high = axes.get_ylim()
        axes.set_ylim(low, high + (high - low) * 0.03 * (len(groups) + 1))  # room for the legend's rows of two
        theme_legend(figure, axes, theme, inside=True)
    return figure


def _short(points: Sequence[Pair]) -> str:
    found = kendall([p.supernet for p in points], [p.retrained for p in points])
    return f"tau {found.tau:+.2f}, n = {found.n}" if found.tau is not None else f"n = {found.n}"
