"""The statistics of comparisons: means, differences and rank correlations, each with its interval and n.

Intervals are two-sided confidence intervals; where n is too small for one, its ends are None.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import stats

from nas.errors import UsageError

#: confidence level of intervals unless another is given
LEVEL = 0.95


@dataclass(frozen=True)
class Summary:
    """Mean and standard deviation of n values, with Student's interval of the mean.

    Attributes:
        n: Number of values.
        mean: Their mean, in the unit of the values.
        sd: Their standard deviation (n - 1 in the divisor); None for one value.
        low: Lower end of the interval; None for one value.
        high: Upper end of the interval; None for one value.
        level: Confidence level of the interval.
    """

    n: int
    mean: float
    sd: float | None
    low: float | None
    high: float | None
    level: float = LEVEL


@dataclass(frozen=True)
class Difference:
    """The difference mean(a) - mean(b) with its interval and p-value.

    Attributes:
        n_a: Number of values of a.
        n_b: Number of values of b.
        difference: mean(a) - mean(b), in the unit of the values.
        low: Lower end of the interval; None where there is none.
        high: Upper end of the interval; None where there is none.
        p: Two-sided p-value of no difference; None where there is no interval.
        method: Name of the interval: "Welch" or "paired".
        level: Confidence level of the interval.
    """

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
        """Whether there is an interval and it excludes zero."""
        return self.low is not None and self.high is not None and not self.low <= 0.0 <= self.high


@dataclass(frozen=True)
class Correlation:
    """Kendall's tau-b of n pairs with its interval and p-value.

    Attributes:
        n: Number of pairs.
        tau: tau-b, from -1 to 1; None where a side is constant or there are fewer than two pairs.
        p: Two-sided p-value of independence (exact for small n without ties).
        low: Lower end of the interval; None where there is none.
        high: Upper end of the interval; None where there is none.
        level: Confidence level of the interval.
    """

    n: int
    tau: float | None
    p: float | None
    low: float | None
    high: float | None
    level: float = LEVEL


@dataclass(frozen=True)
class Agreement:
    """Share of equal choices over all pairs of genotypes, beside that of uniformly random genotypes.

    Attributes:
        genotypes: Number of genotypes.
        pairs: Number of pairs of them.
        decisions: Decisions of one genotype.
        share: Share of equal choices, from 0 to 1; None for fewer than two genotypes.
        chance: Expected share of uniformly random genotypes.
        chance_low: Lower end of the interval of the share of as many random genotypes.
        chance_high: Upper end of that interval.
        level: Probability that a share of random genotypes lies in that interval.
    """

    genotypes: int
    pairs: int
    decisions: int
    share: float | None
    chance: float
    chance_low: float | None
    chance_high: float | None
    level: float = LEVEL


def summary(values: Sequence[float], level: float = LEVEL) -> Summary:
    """Mean, SD and Student's interval, mean +- t(n - 1) SD / sqrt(n).

    Args:
        values: At least one finite value.
        level: Confidence level of the interval.

    Returns:
        The summary; one value has neither SD nor interval.

    Raises:
        UsageError: There is no value, or one that is not finite.
    """
    data = _finite(values)
    mean = float(data.mean())
    if len(data) < 2:
        return Summary(len(data), mean, None, None, None, level)
    sd = float(data.std(ddof=1))
    half = float(stats.t.ppf(0.5 + level / 2, len(data) - 1)) * sd / math.sqrt(len(data))
    return Summary(len(data), mean, sd, mean - half, mean + half, level)


def welch(a: Sequence[float], b: Sequence[float], level: float = LEVEL) -> Difference:
    """Difference of two independent means, variances not assumed equal (Welch, Biometrika 34, 1947).

    Args:
        a: Finite values.
        b: Finite values, independent of ``a``.
        level: Confidence level of the interval.

    Returns:
        mean(a) - mean(b). There is no interval where a side has one value or neither side varies.

    Raises:
        UsageError: A side is empty or holds a value that is not finite.
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
    """Mean of a[i] - b[i] with the interval of the paired t-test, for runs that share their seed.

    Args:
        a: Finite values.
        b: As many, in the same order.
        level: Confidence level of the interval.

    Returns:
        The mean difference. There is no interval for one pair, or where all differences are equal.

    Raises:
        UsageError: The sides differ in length, are empty or hold a value that is not finite.
    """
    x, y = _finite(a), _finite(b)
    if len(x) != len(y):
        raise UsageError(f"a paired comparison needs as many values on either side, not {len(x)} and {len(y)}")
    n, differences = len(x), x - y
    mean = float(differences.mean())
    if n < 2 or differences.std(ddof=1) == 0.0:
        return Difference(n, n, mean, None, None, None, "paired", level)
    result = stats.ttest_rel(x, y)
    interval = result.confidence_interval(level)
    return Difference(n, n, mean, float(interval.low), float(interval.high), float(result.pvalue), "paired", level)


def kendall(a: Sequence[float], b: Sequence[float], level: float = LEVEL) -> Correlation:
    """Kendall's tau-b with an interval by Fisher's z of variance 0.437 / (n - 4).

    The variance is that of Fieller, Hartley and Pearson (Biometrika 44, 1957), accurate for n above about 10 and
    |tau| below 0.8.

    Args:
        a: Values to rank.
        b: As many, in the same order.
        level: Confidence level of the interval.

    Returns:
        The correlation. There is no interval for n of 4 or fewer or |tau| of 1, and no tau for a constant side.

    Raises:
        UsageError: The sides differ in length.
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
    """The share of decisions in which two genotypes are equal, averaged over all pairs.

    Args:
        vectors: The genotypes, one index per decision each (``Space.encode``).
        choices: Number of blocks that each decision offers.
        level: Probability that a share of random genotypes lies in the interval of chance.
        draws: Number of simulated sets of random genotypes from which that interval is taken (seeded).

    Returns:
        The agreement. Chance is the mean of 1 / choices, its interval that of as many uniformly drawn genotypes.
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


def _finite(values: Sequence[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    data = np.asarray(values, dtype=np.float64).reshape(-1)
    if len(data) == 0 or not bool(np.isfinite(data).all()):
        raise UsageError("statistics need at least one value, all finite; look for runs without a validation PSNR")
    return data
