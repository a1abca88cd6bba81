"""Runs of several genotypes with the same seeds: what is due to genotypes, to seeds, and to neither.

Runs with one seed see the same patches and move together. In a one-way analysis that common movement counts as noise
of the genotypes' difference, although it cancels there; here it is a component of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from nas.errors import UsageError
from nas.statistics.intervals import LEVEL


@dataclass(frozen=True)
class TwoWayComponents:
    """Components of variance of the model y[g, s] = mean + genotype[g] + seed[s] + residual[g, s].

    Attributes:
        genotypes: Number of genotypes.
        seeds: Seeds of each, the same for all.
        residual_sd: Standard deviation of the residual, in dB: the noise of a comparison within a seed, divided by the
            square root of two.
        residual_low: Lower end of its exact chi-square interval.
        residual_high: Upper end of that interval.
        genotype_sd: Standard deviation of the genotypes, in dB; zero where its variance is estimated to be negative.
        seed_sd: Standard deviation of the seeds' common movement, likewise.
        spread_sd: Standard deviation of the observed means of the genotypes, residual included, in dB.
        reliability: Share of the genotypes in the variance of one run beside others of its seed (intraclass correlation
            of consistency, McGraw and Wong, Psychological Methods 1(1), 1996, case 3), from 0 to 1.
        reliability_low: Lower end of its exact F interval.
        reliability_high: Upper end of that interval.
        f: F statistic of the test of no difference between genotypes; None without a residual.
        p: p-value of that test; None without a residual.
        level: Confidence level of the intervals.
    """

    genotypes: int
    seeds: int
    residual_sd: float
    residual_low: float
    residual_high: float
    genotype_sd: float
    seed_sd: float
    spread_sd: float
    reliability: float
    reliability_low: float
    reliability_high: float
    f: float | None
    p: float | None
    level: float = LEVEL

    @property
    def difference_sd(self) -> float:
        """Standard deviation of the difference of two genotypes with the same seed, in dB."""
        return math.sqrt(2) * self.residual_sd


def two_way_components(table: Sequence[Sequence[float]], level: float = LEVEL) -> TwoWayComponents:
    """Estimate the components of a complete table without replication by the method of moments.

    Searle, Casella and McCulloch, Variance Components, 1992, section 4.6.

    Args:
        table: PSNR in dB, shape (genotypes, seeds), at least 2 x 2; column s holds the runs of one seed.
        level: Confidence level of the interval.

    Returns:
        The components.

    Raises:
        UsageError: There are fewer than two genotypes or seeds, or a value is not finite.
    """
    data = np.asarray(table, dtype=np.float64)
    if data.ndim != 2 or min(data.shape) < 2 or not bool(np.isfinite(data).all()):
        raise UsageError(
            "a two-way analysis needs at least 2 genotypes, each with the same 2 seeds or more, all finite"
        )
    count, seeds = data.shape
    rows, columns = data.mean(axis=1), data.mean(axis=0)
    freedom = (count - 1) * (seeds - 1)
    residual = float(((data - rows[:, None] - columns + data.mean()) ** 2).sum() / freedom)
    between, common = float(seeds * rows.var(ddof=1)), float(count * columns.var(ddof=1))
    tail = (1 - level) / 2
    f = between / residual if residual > 0 else None
    genotype = max((between - residual) / seeds, 0.0)
    low = high = float(between > 0)  # without a residual nothing is uncertain
    if f is not None:
        ends = [(f / float(stats.f.ppf(q, count - 1, freedom)) - 1) / seeds for q in (1 - tail, tail)]
        low, high = (max(r, 0.0) / (1 + max(r, 0.0)) for r in ends)  # the ratio of variances is at least zero
    return TwoWayComponents(
        genotypes=count,
        seeds=seeds,
        residual_sd=math.sqrt(residual),
        residual_low=math.sqrt(freedom * residual / float(stats.chi2.ppf(1 - tail, freedom))),
        residual_high=math.sqrt(freedom * residual / float(stats.chi2.ppf(tail, freedom))),
        genotype_sd=math.sqrt(genotype),
        seed_sd=math.sqrt(max((common - residual) / count, 0.0)),
        spread_sd=float(rows.std(ddof=1)),
        reliability=genotype / (genotype + residual) if genotype + residual else 0.0,
        reliability_low=low,
        reliability_high=high,
        f=f,
        p=None if f is None else float(stats.f.sf(f, count - 1, freedom)),
        level=level,
    )
