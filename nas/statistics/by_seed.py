"""Comparisons of two sides whose runs share their seeds, and how many seeds such a comparison needs.

Runs with one seed see the same patches and move together (``nas.statistics.two_way``). In the difference of two runs
with one seed that common movement cancels, so sides with the same seeds are compared pair by pair. The two-way model
of two sides is the paired t-test.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from scipy import stats

from nas.errors import UsageError
from nas.statistics.intervals import LEVEL, Difference, paired, welch

#: how a comparison is called in results
SHARED, SEPARATE = "two-way (paired by seed)", "one-way (seeds not shared)"

#: points at which the distribution of an estimated variance is taken
QUANTILES = 4000


def compare_by_seed(a: Mapping[int, float], b: Mapping[int, float], level: float = LEVEL) -> Difference:
    """The difference mean(a) - mean(b), paired by seed where both sides have the same seeds, else Welch's.

    Args:
        a: Seed -> finite value.
        b: Likewise.
        level: Confidence level of the interval.

    Returns:
        The difference; its ``method`` says which of the two it is.

    Raises:
        UsageError: A side is empty or holds a value that is not finite.
    """
    if a.keys() == b.keys():
        return paired([a[seed] for seed in a], [b[seed] for seed in a], level)
    return welch(list(a.values()), list(b.values()), level)


def paired_power(n: int, sd: float, difference: float, alpha: float = 0.05) -> float:
    """Power of the two-sided paired t-test (Cohen, Statistical Power Analysis, 1988, section 2.3).

    That of the noncentral t distribution, as the mean of normal probabilities over the distribution of the estimated
    variance: scipy's own fails where the difference is many standard deviations.

    Args:
        n: Pairs.
        sd: Standard deviation of the difference within a pair, above zero.
        difference: True mean difference, in the unit of ``sd``.
        alpha: Significance level.

    Returns:
        Probability that the test detects the difference, from 0 to 1; 0 for n below 2.
    """
    if n < 2:
        return 0.0
    shift, critical = abs(difference) / sd * math.sqrt(n), float(stats.t.ppf(1 - alpha / 2, n - 1))
    quantiles = stats.chi2.ppf((np.arange(QUANTILES) + 0.5) / QUANTILES, n - 1)
    beyond = critical * np.sqrt(quantiles / (n - 1))
    return float((stats.norm.sf(beyond - shift) + stats.norm.sf(beyond + shift)).mean())


def paired_seeds_needed(residual_sd: float, difference: float, wanted: float = 0.8, alpha: float = 0.05) -> int:
    """The smallest number of shared seeds with which a paired t-test detects a difference.

    Args:
        residual_sd: Residual standard deviation of the two-way model; that of a difference is sqrt(2) times as large.
        difference: Difference to detect, in the unit of ``residual_sd``.
        wanted: Power, from 0 to 1.
        alpha: Significance level.

    Returns:
        Seeds, at least 2; where more than 100,000 are needed, about as many as the normal approximation says.

    Raises:
        UsageError: The difference is not above zero.
    """
    if residual_sd <= 0.0:
        return 2
    if difference <= 0.0:
        raise UsageError(f"a difference to detect must be above zero, not {difference}")
    sd = math.sqrt(2) * residual_sd
    z = float(stats.norm.ppf(1 - alpha / 2) + stats.norm.ppf(wanted))
    n = max(2, math.floor((z * sd / difference) ** 2))  # never above the exact answer
    while n < 100_000 and paired_power(n, sd, difference, alpha) < wanted:
        n += 1
    return n
