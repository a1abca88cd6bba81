"""The probability that a value of one group is larger than one of another, with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from nas.errors import UsageError
from nas.statistics.intervals import LEVEL


@dataclass(frozen=True)
class Superiority:
    """P(a > b) + P(a = b) / 2 for independent draws from two groups.

    Attributes:
        n_a: Values of the first group.
        n_b: Values of the second group.
        probability: The estimate, 0..1; one half if neither group tends to be larger.
        low: Lower end of the interval.
        high: Upper end of the interval.
        level: Confidence level of the interval.
    """

    n_a: int
    n_b: int
    probability: float
    low: float
    high: float
    level: float = LEVEL


def superiority(a: Sequence[float], b: Sequence[float], level: float = LEVEL) -> Superiority:
    """How often a value of ``a`` is larger than one of ``b`` (the Mann-Whitney statistic, ties counted half).

    The variance is that of DeLong, DeLong and Clarke-Pearson (Biometrics 44, 1988), the interval that of its logit,
    which stays between 0 and 1. Where all values of one group are larger the variance is zero; the end of the interval
    is then the exact one for as many independent pairs as the smaller group has values.

    Args:
        a: Finite or infinite values, at least two.
        b: Likewise.
        level: Confidence level of the interval.

    Raises:
        UsageError: A group has fewer than two values, or one that is not a number.
    """
    x, y = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if min(len(x), len(y)) < 2 or bool(np.isnan(x).any() or np.isnan(y).any()):
        raise UsageError("the probability of being larger needs two values on either side, all of them numbers")
    ordered_x, ordered_y = np.sort(x), np.sort(y)
    # the share of the other group that each value is larger than, ties counted half
    over = (np.searchsorted(ordered_y, x, "left") + np.searchsorted(ordered_y, x, "right")) / (2 * len(y))
    under = 1 - (np.searchsorted(ordered_x, y, "left") + np.searchsorted(ordered_x, y, "right")) / (2 * len(x))
    variance = float(over.var(ddof=1)) / len(x) + float(under.var(ddof=1)) / len(y)
    return _bounded(len(x), len(y), float(over.mean()), variance, level)


def paired_superiority(a: Sequence[float], b: Sequence[float], level: float = LEVEL) -> Superiority:
    """How often a[i] is larger than b[i], ties counted half, for searches that share their seed.

    The interval is that of the logit of a mean of independent pairs; where all pairs agree its end is the exact one.

    Args:
        a: Finite or infinite values, at least two.
        b: As many, in the same order.
        level: Confidence level of the interval.

    Raises:
        UsageError: The sides differ in length, have fewer than two values or one that is not a number.
    """
    x, y = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if len(x) != len(y) or len(x) < 2 or bool(np.isnan(x).any() or np.isnan(y).any()):
        raise UsageError("a paired comparison needs two values or more, as many on either side, all of them numbers")
    over = (x > y) + (x == y) / 2
    return _bounded(len(x), len(y), float(over.mean()), float(over.var(ddof=1)) / len(x), level)


def _bounded(n_a: int, n_b: int, p: float, variance: float, level: float) -> Superiority:
    """A probability with the interval of its logit; without a variance at 0 or 1 the exact one of independent pairs."""
    tail = (1 - level) / 2
    if p in (0.0, 1.0):
        edge = 1 - tail ** (1 / min(n_a, n_b))
        low, high = (0.0, edge) if p == 0.0 else (1 - edge, 1.0)
    else:
        half = float(stats.norm.ppf(1 - tail)) * math.sqrt(variance) / (p * (1 - p))
        centre = math.log(p / (1 - p))
        low, high = (1 / (1 + math.exp(-z)) for z in (centre - half, centre + half))
    return Superiority(n_a, n_b, p, low, high, level)
