"""How much of the variance is due to seeds and how much to genotypes: a one-way random-effects analysis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from nas.errors import UsageError
from nas.statistics.intervals import LEVEL


@dataclass(frozen=True)
class Components:
    """Components of variance of the model y[g, s] = mean + genotype[g] + noise[g, s].

    Attributes:
        genotypes: Number of genotypes.
        seeds: Seeds of each.
        seed_sd: Standard deviation of the noise, in dB.
        seed_low: Lower end of its exact chi-square interval.
        seed_high: Upper end of that interval.
        genotype_sd: Standard deviation of the genotypes without the noise, in dB; zero where its variance is estimated
            to be negative.
        spread_sd: Standard deviation of the observed means of the genotypes, noise included, in dB.
        reliability: Share of the genotypes in the variance of one run (intraclass correlation), from 0 to 1.
        reliability_low: Lower end of its exact F interval.
        reliability_high: Upper end of that interval.
        f: F statistic of the test of no difference between genotypes; None without noise.
        p: p-value of that test; None without noise.
        level: Confidence level of the intervals.
    """

    genotypes: int
    seeds: int
    seed_sd: float
    seed_low: float
    seed_high: float
    genotype_sd: float
    spread_sd: float
    reliability: float
    reliability_low: float
    reliability_high: float
    f: float | None
    p: float | None
    level: float = LEVEL


def components(table: Sequence[Sequence[float]], level: float = LEVEL) -> Components:
    """Estimate the components (Searle, Casella and McCulloch, Variance Components, 1992, section 3.6).

    Args:
        table: PSNR in dB, shape (genotypes, seeds), at least 2 x 2.
        level: Confidence level of the intervals.

    Returns:
        The components with their intervals.

    Raises:
        UsageError: There are fewer than two genotypes or seeds.
    """
    data = np.asarray(table, dtype=np.float64)
    if data.ndim != 2 or min(data.shape) < 2:
        raise UsageError("seed noise needs at least 2 genotypes with at least 2 seeds each")
    count, seeds = data.shape
    means = data.mean(axis=1)
    inside, between = count * (seeds - 1), count - 1
    noise = float(((data - means[:, None]) ** 2).sum() / inside)
    spread = float(seeds * means.var(ddof=1))
    tail = (1 - level) / 2
    if noise == 0.0:
        f, p, low, high = None, None, float(spread > 0), float(spread > 0)
    else:
        f = spread / noise
        p = float(stats.f.sf(f, between, inside))
        ends = [(f / float(stats.f.ppf(q, between, inside)) - 1) / seeds for q in (1 - tail, tail)]
        # the ratio of variances is at least zero
        low, high = (max(r, 0.0) / (1 + max(r, 0.0)) for r in ends)
    genotype = max((spread - noise) / seeds, 0.0)
    return Components(
        genotypes=count,
        seeds=seeds,
        seed_sd=math.sqrt(noise),
        seed_low=math.sqrt(inside * noise / float(stats.chi2.ppf(1 - tail, inside))),
        seed_high=math.sqrt(inside * noise / float(stats.chi2.ppf(tail, inside))),
        genotype_sd=math.sqrt(genotype),
        spread_sd=float(means.std(ddof=1)),
        reliability=genotype / (genotype + noise) if genotype + noise else 0.0,
        reliability_low=low,
        reliability_high=high,
        f=f,
        p=p,
        level=level,
    )
