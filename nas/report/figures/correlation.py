"""Whether the supernet ranks genotypes as training does: PSNR by both ways, with Kendall's tau."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from matplotlib.figure import Figure

from nas.errors import NasError
from nas.report.figures.numbers import is_finite_number
from nas.report.figures.style import DARK, LIGHT, add_legend, literal, new_figure, style_axes
from nas.statistics.intervals import kendall
from nas.statistics.sentences import correlation

#: keys under which the two values of a pair may stand in the statistics of an experiment
SUPERNET = ("supernet", "supernet_psnr", "x")
RETRAINED = ("retrained", "retrained_psnr", "trained", "trained_psnr", "psnr", "y")


@dataclass(frozen=True)
class ScorePair:
    """One genotype.

    Attributes:
        supernet: PSNR in dB with the weights of the supernet.
        retrained: PSNR in dB after training from scratch.
        group: The supernet that ``supernet`` is from; scores of different supernets do not compare.
    """

    supernet: float
    retrained: float
    group: str = ""


def read_score_pairs(pairs: Iterable[Any]) -> list[ScorePair]:
    """Pairs from plain values.

    Args:
        pairs: Mappings with keys of ``SUPERNET`` and ``RETRAINED``, sequences (supernet, retrained), or pairs.

    Returns:
        The pairs of finite numbers; all else is left out.
    """
    found = []
    for entry in pairs:
        if isinstance(entry, ScorePair):
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
        if is_finite_number(x) and is_finite_number(y):
            found.append(ScorePair(float(x), float(y), group))
    return found


def find_score_pairs(statistics: Any) -> list[ScorePair]:
    """All pairs in the statistics of an experiment: those of every list under the key ``pairs``.

    Args:
        statistics: Content of a ``statistics.json``.

    Returns:
        The pairs; the group of each is the variant and seed beside its list.
    """
    if isinstance(statistics, list):
        return [pair for entry in statistics for pair in find_score_pairs(entry)]
    if not isinstance(statistics, Mapping):
        return []
    found: list[ScorePair] = []
    for key, value in statistics.items():
        if key == "pairs" and isinstance(value, list):
            name = str(statistics.get("arm") or "")
            seed = statistics.get("seed")
            group = name + (f", seed {seed}" if seed is not None else "")
            found += [replace(pair, group=group or pair.group) for pair in read_score_pairs(value)]
        elif isinstance(value, Mapping | list):
            found += find_score_pairs(value)
    return found


def rank_correlation_figure(pairs: Iterable[Any], *, dark: bool = False) -> Figure:
    """Validation PSNR after training over that with the weights of the supernet, a point a genotype.

    The title states Kendall's tau-b with its interval and n; with several groups (supernets) the legend does so for
    each, as their scores do not compare.

    Args:
        pairs: As ``read_score_pairs`` takes them.
        dark: In colours for a dark page.

    Returns:
        The figure.

    Raises:
        NasError: There are fewer than two pairs.
    """
    points = read_score_pairs(pairs)
    if len(points) < 2:
        raise NasError(
            f"a rank correlation needs at least two genotypes with both values, not {len(points)}; "
            "raise retrain.random_genotypes of the experiment"
        )
    theme = DARK if dark else LIGHT
    figure = new_figure(4.6, 3.9, theme)
    axes = figure.add_subplot()
    style_axes(axes, theme)
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
            label=literal(group if len(groups) == 1 else f"{group or 'genotypes'}: {_short(members)}"),
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
        axes.set_ylim(low, high + (high - low) * 0.03 * (len(groups) + 1))  # space for the rows of the legend
        add_legend(figure, axes, theme, inside=True)
    return figure


def _short(points: Sequence[ScorePair]) -> str:
    found = kendall([p.supernet for p in points], [p.retrained for p in points])
    return f"tau {found.tau:+.2f}, n = {found.n}" if found.tau is not None else f"n = {found.n}"
