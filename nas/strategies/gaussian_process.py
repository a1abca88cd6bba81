"""Gaussian processes over genotypes, whose covariance depends on the number of decisions that two of them share.

k(a, b) = s^2 (m h/D + (1 - m) exp(-(D - h) / l)) for h of D decisions shared: the first part is a sum of independent
effects of the decisions, the second lets them interact. s^2 is the maximum-likelihood estimate; m, l and the noise are
those of a small grid with the largest marginal likelihood (Rasmussen and Williams, Gaussian Processes for Machine
Learning, 2006, sections 2.2 and 5.4.1).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotrf, dtrtrs

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

#: shares of the additive part, lengths of the other one, and variances of the noise as shares of s^2
MAIN, LENGTHS, NOISES = (0.5, 0.9), (1.0, 3.0), (0.02, 0.1, 0.5)


@dataclass(frozen=True)
class Kernel:
    """A covariance, without its scale.

    Attributes:
        decisions: D.
        main: m.
        length: l.
        noise: Variance of the noise.
    """

    decisions: int
    main: float
    length: float
    noise: float

    @cached_property
    def by_count(self) -> Array:
        """The covariance of two genotypes that share 0, 1, ..., D decisions."""
        h = np.arange(self.decisions + 1, dtype=np.float64)
        found: Array = self.main * h / self.decisions + (1 - self.main) * np.exp(-(self.decisions - h) / self.length)
        return found


def shared(a: Counts, b: Counts) -> Counts:
    """How many decisions each of the genotypes ``a`` (n, D) shares with each of ``b`` (m, D): (n, m)."""
    found = np.zeros((len(a), len(b)), dtype=np.int64)
    for i in range(a.shape[1]):
        found += a[:, i, None] == b[None, :, i]
    return found


def fitted_at(count: int) -> int:
    """Of how many points the kernel is chosen when there are ``count``: anew only when a fifth has been added."""
    fitted = 4
    while (following := max(fitted + 2, int(1.2 * fitted))) <= count:
        fitted = following
    return min(fitted, count)


class Posterior:
    """What is known after some values.

    Args:
        kernel: The covariance.
        counts: Shared decisions of the points, (n, n).
        values: Their values, (n,).
    """

    def __init__(self, kernel: Kernel, counts: Counts, values: Array) -> None:
        self.kernel, n = kernel, len(values)
        self.mean, self.unit = float(values.mean()), max(float(values.std()), 1e-12)
        covariance = kernel.by_count[counts]
        covariance[np.diag_indices(n)] += kernel.noise
        self._root, _ = dpotrf(covariance, lower=1)
        self._white, _ = dtrtrs(self._root, (values - self.mean) / self.unit, lower=1)
        self.scale = max(float(self._white @ self._white) / n, 1e-12)  # s^2 in units of the variance

    @property
    def likelihood(self) -> float:
        """Log marginal likelihood with the best scale, but for a constant."""
        n = len(self._white)
        return -0.5 * n * math.log(self.scale) - float(np.log(np.diag(self._root)).sum())

    def predict(self, counts: Counts) -> tuple[Array, Array]:
        """Mean and standard deviation, without noise, of genotypes that share (n, m) decisions with the points."""
        solved, _ = dtrtrs(self._root, self.kernel.by_count[counts], lower=1)
        mean = self.mean + self.unit * (self._white @ solved)
        prior = self.kernel.by_count[-1]
        variance = np.maximum(prior - np.einsum("ij,ij->j", solved, solved), 1e-10)
        return mean, self.unit * np.sqrt(self.scale * variance)


def choose_kernel(counts: Counts, values: Array, decisions: int) -> Kernel:
    """The kernel of the grid with the largest marginal likelihood.

    Args:
        counts: Shared decisions of the points, (n, n).
        values: Their values, (n,).
        decisions: Decisions of a genotype.
    """
    grid = [Kernel(decisions, main, length, noise) for main, length, noise in product(MAIN, LENGTHS, NOISES)]
    return max(grid, key=lambda kernel: Posterior(kernel, counts, values).likelihood)
