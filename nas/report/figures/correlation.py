"""Whether the supernet ranks genotypes as training does: ranks by both ways, with Kendall's tau."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator

from nas.errors import NasError
from nas.report.figures.labels import short_name
from nas.report.figures.numbers import is_finite_number
from nas.report.figures.panels import panel_grid
from nas.report.figures.style import DARK, LIGHT, SMALL, Theme, literal, style_axes
from nas.statistics.intervals import kendall

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
    """Small multiples of ranks: a panel a supernet, a point a genotype, its rank by training over that in the supernet.

    Rank 1 is the best; on the line both agree. The title of each panel states Kendall's tau-b with its 95 % interval
    and n. Scores of different supernets do not compare, so each has a panel of its own.

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
    groups = list(dict.fromkeys(p.group for p in points))
    figure, panels = panel_grid(len(groups), 2.55, theme)
    for axes, group in zip(panels, groups, strict=True):
        style_axes(axes, theme)
        _draw_ranks(axes, [p for p in points if p.group == group], groups.index(group), theme)
        axes.set_title(literal(_heading(group, points)), loc="left", fontsize=SMALL, color=theme.ink)
    most = max(sum(p.group == g for p in points) for g in groups)
    for axes in panels:
        axes.set_xlim(most + 0.7, 0.3)  # the best at the right and on top
        axes.set_ylim(most + 0.7, 0.3)
        axes.set_aspect("equal")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(FixedLocator(_rank_ticks(most)))
    figure.supxlabel("rank by the supernet's weights (1 is the best)", fontsize=8.5, color=theme.ink)
    figure.supylabel("rank trained from scratch", fontsize=8.5, color=theme.ink)
    return figure


def _draw_ranks(axes: Axes, members: Sequence[ScorePair], index: int, theme: Theme) -> None:
    count = len(members)
    axes.plot([1, count], [1, count], color=theme.soft, linewidth=0.9, linestyle=(0, (3, 3)), zorder=1)
    axes.scatter(
        _ranks([p.supernet for p in members]),
        _ranks([p.retrained for p in members]),
        s=24,
        color=theme.colour(index),
        edgecolors=theme.paper,
        linewidths=0.5,
        zorder=3,
    )


def _ranks(values: Sequence[float]) -> list[float]:
    """1 for the largest value; equal values share the mean of their ranks."""
    from scipy.stats import rankdata

    return [float(r) for r in rankdata([-v for v in values])]


def _rank_ticks(most: int) -> list[int]:
    """1, the last rank, and a few round ones between."""
    step = next(s for s in (1, 2, 5, 10, 20, 50, 100, 10**6) if most / s <= 5)
    return [1, *(t for t in range(step, most, step) if 1 < t <= most - step / 2), most] if most > 1 else [1]


def _heading(group: str, points: Sequence[ScorePair]) -> str:
    """The supernet, tau, its interval and n, on two lines."""
    members = [p for p in points if p.group == group]
    found = kendall([p.supernet for p in members], [p.retrained for p in members])
    if found.tau is None:
        words = f"no tau, n = {found.n}"
    else:
        ends = found.low is not None and found.high is not None
        words = f"tau {found.tau:+.2f}" + (f" [{found.low:+.2f}, {found.high:+.2f}]" if ends else "")
        words += f", n = {found.n}"
    return f"{short_name(group)}\n{words}" if group else words
