"""The statistics of comparisons: means, differences and rank correlations, each with its interval and n.

Intervals are two-sided and frequentist; where n is too small for one, its ends are None, never a guess.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import stats

from nas.errors import UsageError

LEVEL = 0.95


@dataclass(frozen=True)
class Summary:
    """Mean and standard deviation (n - 1 in the divisor) of n values, with Student's interval of the mean."""

    n: int
    mean: float
    sd: float | None
    low: float | None
    high: float | None
    level: float = LEVEL


@dataclass(frozen=True)
class Difference:
    """mean(a) - mean(b) with its interval and two-sided p; ``method`` names the interval."""

    n_a: int
    n_b: int
    difference: float
    low: float | None
    high: float | None
    p: float | None
    method: str
    level: float = LEVEL

    @property
    def decided(self) -> bool:
        """Whether the interval exists and leaves zero out."""
        return self.low is not None and self.high is not None and not self.low <= 0.0 <= self.high


@dataclass(frozen=True)
class Correlation:
    """Kendall's tau-b of n pairs with the p of independence (exact for small n without ties) and its interval."""

    n: int
    tau: float | None
    p: float | None
    low: float | None
    high: float | None
    level: float = LEVEL


@dataclass(frozen=True)
class Agreement:
    """Share of equal choices over all pairs of genotypes, and what uniformly random genotypes would have."""

    genotypes: int
    pairs: int
    decisions: int
    share: float | None
    chance: float
    chance_low: float | None
    chance_high: float | None
    level: float = LEVEL


def summary(values: Sequence[float], level: float = LEVEL) -> Summary:
    """Mean, SD and mean -+ t(n - 1) SD / sqrt(n); with one value there is neither SD nor interval."""
    data = _finite(values)
    mean = float(data.mean())
    if len(data) < 2:
        return Summary(len(data), mean, None, None, None, level)
    sd = float(data.std(ddof=1))
    half = float(stats.t.ppf(0.5 + level / 2, len(data) - 1)) * sd / math.sqrt(len(data))
    return Summary(len(data), mean, sd, mean - half, mean + half, level)


def welch(a: Sequence[float], b: Sequence[float], level: float = LEVEL) -> Difference:
    """Difference of two independent means, variances not assumed equal (Welch, Biometrika 34, 1947).

    A side of one value, or no variance on either side, gives no interval.
    """
    x, y = _finite(a), _finite(b)
    difference = float(x.mean() - y.mean())
    if min(len(x), len(y)) < 2 or x.var(ddof=1) + y.var(ddof=1) == 0.0:
        return Difference(len(x), len(y), difference, None, None, None, "Welch", level)
    result = stats.ttest_ind(x, y, equal_var=False)
    interval = result.confidence_interval(level)
    return Difference(
        len(x), len(y), difference, float(interval.low), float(interval.high), float(result.pvalue), "Welch", level
    )


def paired(a: Sequence[float], b: Sequence[float], level: float = LEVEL) -> Difference:
    """Mean of a[i] - b[i] with Student's interval: for runs that share their seed."""
    x, y = _finite(a), _finite(b)
    if len(x) != len(y):
        raise UsageError(f"paired values come in pairs, not {len(x)} and {len(y)}")
    mean = summary(list(x - y), level)
    p = None
    if mean.sd:
        p = float(2 * stats.t.sf(abs(mean.mean) / (mean.sd / math.sqrt(mean.n)), mean.n - 1))
    low, high = (mean.low, mean.high) if mean.sd else (None, None)
    return Difference(mean.n, mean.n, mean.mean, low, high, p, "paired", level)


def kendall(a: Sequence[float], b: Sequence[float], level: float = LEVEL) -> Correlation:
    """Kendall's tau-b; interval by Fisher's z with variance 0.437 / (n - 4).

    The variance is of Fieller, Hartley and Pearson (Biometrika 44, 1957), good for n above about 10 and
    |tau| below 0.8; for n of 4 or fewer, |tau| of 1, or a constant side there is no interval.
    """
    x, y = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if len(x) != len(y):
        raise UsageError(f"a rank correlation needs pairs, not {len(x)} and {len(y)} values")
    n = len(x)
    if n < 2 or len(set(x.tolist())) == 1 or len(set(y.tolist())) == 1:
        return Correlation(n, None, None, None, None, level)
    result = stats.kendalltau(x, y)
    tau, p = float(result.statistic), float(result.pvalue)
    if n <= 4 or abs(tau) >= 1.0 - 1e-12:
        return Correlation(n, tau, p, None, None, level)
    half = float(stats.norm.ppf(0.5 + level / 2)) * math.sqrt(0.437 / (n - 4))
    z = math.atanh(tau)
    return Correlation(n, tau, p, math.tanh(z - half), math.tanh(z + half), level)


def agreement(
    vectors: Sequence[Sequence[int]], choices: Sequence[int], level: float = LEVEL, draws: int = 10_000
) -> Agreement:
    """How many decisions two genotypes share, averaged over all pairs.

    vectors: one index per decision (``Space.encode``); choices: how many blocks each decision offers. Chance
    is the mean of 1 / choices; its interval is that of the same number of uniformly drawn genotypes
    (simulated, seeded).
    """
    data = np.asarray(vectors, dtype=np.int64).reshape(len(vectors), -1)
    count, decisions = len(vectors), len(choices)
    chance = float(np.mean([1 / k for k in choices]))
    if count < 2:
        return Agreement(count, 0, decisions, None, chance, None, None, level)
    rng = np.random.default_rng(0)
    random = np.stack([rng.integers(0, k, size=(draws, count)) for k in choices], axis=-1)
    pairs = list(combinations(range(count), 2))
    shares = np.mean([(random[:, i] == random[:, j]).mean(axis=-1) for i, j in pairs], axis=0)
    low, high = np.quantile(shares, [0.5 - level / 2, 0.5 + level / 2])
    share = float(np.mean([(data[i] == data[j]).mean() for i, j in pairs]))
    return Agreement(count, len(pairs), decisions, share, chance, float(low), float(high), level)


def power(n: int, sd: float, difference: float, alpha: float = 0.05) -> float:
    """Chance that a two-sided t-test of two groups of n sees ``difference`` (noncentral t; Cohen 1988, section 2)."""
    if n < 2:
        return 0.0
    freedom, shift = 2 * n - 2, abs(difference) / sd * math.sqrt(n / 2)
    critical = float(stats.t.ppf(1 - alpha / 2, freedom))
    return float(stats.nct.sf(critical, freedom, shift) + stats.nct.cdf(-critical, freedom, shift))


def seeds_needed(sd: float, difference: float, wanted: float = 0.8, alpha: float = 0.05) -> int:
    """The fewest runs a side with which a difference is seen with chance ``wanted``.

    Exact for the t-test; near 2 (z(1 - alpha/2) + z(wanted))^2 (sd / difference)^2 (Cohen, Statistical Power
    Analysis for the Behavioral Sciences, 1988, section 2.4) when that is large. At least 2.
    """
    if sd <= 0.0:
        return 2
    if difference <= 0.0:
        raise UsageError(f"a difference to be seen must be above zero, not {difference}")
    z = float(stats.norm.ppf(1 - alpha / 2) + stats.norm.ppf(wanted))
    n = max(2, math.floor(2 * (z * sd / difference) ** 2))  # never above the exact answer
    while n < 100_000 and power(n, sd, difference, alpha) < wanted:
        n += 1
    return n


def _finite(values: Sequence[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    data = np.asarray(values, dtype=np.float64).reshape(-1)
    if len(data) == 0 or not bool(np.isfinite(data).all()):
        raise UsageError("statistics need at least one value, and finite ones; look for runs without a validation")
    return data
