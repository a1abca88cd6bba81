"""Which part of the values an axis shows: the bulk by quantiles, so that a few odd ones do not flatten the rest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

#: dB: an axis of PSNR never shows less than this, so that differences of hundredths do not look like leaps
LEAST_SPAN = 0.5
#: with fewer values than this, quantiles say nothing and all are shown
FEWEST = 6
#: interquartile ranges beyond the quartiles at which a value leaves the frame: of others, and of our own
FENCE, OWN_FENCE = 1.5, 3.0


def in_bulk(values: Sequence[float], own: Sequence[bool], least: float) -> list[bool]:
    """For each value whether an axis is to show it.

    Args:
        values: What is drawn.
        own: For each value whether it was measured here; such a value stays in the frame for longer.
        least: What counts as the interquartile range at least, so that nearly equal values do not cast out others.

    Returns:
        Whether each value lies within Tukey's fences; all do where there are few.
    """
    if len(values) < FEWEST:
        return [True] * len(values)
    low, high = (float(v) for v in np.quantile(values, (0.25, 0.75)))
    width = max(high - low, least)
    reach = [width * (OWN_FENCE if mine else FENCE) for mine in own]
    return [low - r <= value <= high + r for value, r in zip(values, reach, strict=True)]


def bulk(values: Sequence[float], own: Sequence[bool], least: float) -> tuple[float, float]:
    """The lowest and the highest value that an axis is to show, by ``in_bulk``."""
    inside = [v for v, shown in zip(values, in_bulk(values, own, least), strict=True) if shown]
    return min(inside), max(inside)


def widened(low: float, high: float, least: float = LEAST_SPAN) -> tuple[float, float]:
    """The same range, or one of the same middle that spans ``least``."""
    missing = max(0.0, least - (high - low)) / 2
    return low - missing, high + missing
