"""A predictor of quality proposes: a Gaussian process over genotypes, and what is expected to improve most comes next.

Expected improvement: Jones, Schonlau and Welch, Journal of Global Optimization 13, 1998; divided by a power of the
cost: Snoek, Larochelle and Adams, NeurIPS 2012, section 3.2. Kernels of genotypes by how many decisions they share:
Ru et al., "Bayesian optimisation over multiple continuous and categorical inputs", ICML 2020. Several objectives are
weighed anew for each proposal: Knowles, "ParEGO", IEEE Transactions on Evolutionary Computation 10(1), 2006.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.special import ndtr

from nas.config.search import SearchOptions
from nas.config.sections import Section
from nas.objectives.constraints import Vector
from nas.objectives.objectives import objectives_of
from nas.objectives.pareto import gains
from nas.space import Genotype, Space
from nas.strategies.base import DiscreteStrategy
from nas.strategies.gaussian_process import Kernel, Posterior, choose_kernel, fitted_at, shared
from nas.strategies.random_search import random_vector

#: spaces up to this size are predicted as a whole, larger ones at ``DRAWN`` genotypes and the neighbours of ``NEAR``
LISTED, DRAWN, NEAR = 4096, 300, 3

Array = NDArray[np.float64]


class PredictorSettings(Section):
    """Settings of the strategy under ``search``.

    Attributes:
        startup: Random genotypes before the predictor proposes.
        cost_power: The expected improvement is divided by the multiply-adds to this power: 0 looks for quality alone, 1
            for quality per cost of a training.
    """

    startup: int = Field(10, gt=1, description="random genotypes before the predictor proposes")
    cost_power: float = Field(0.0, ge=0, description="expected improvement per multiply-adds to this power")


class Predictor(DiscreteStrategy):
    """Proposes the genotype within the limits with the largest expected improvement (per cost)."""

    Settings: ClassVar[type[Section]] = PredictorSettings
    settings: PredictorSettings

    def __init__(self, search: SearchOptions, space: Space, seed: int) -> None:
        super().__init__(search, space, seed)
        self._objectives = objectives_of(search)
        self._seen: set[Vector] = set()
        self._history: list[tuple[Vector, dict[str, float]]] = []
        self._listed: list[Vector] | None = None
        self._kernel: tuple[int, Kernel] | None = None  # of how many values it was chosen; follows from the history

    def ask(self) -> Genotype:
        """A random genotype in the beginning, then the one of the largest expected improvement."""
        if len(self._history) < self.settings.startup:
            vector = random_vector(self.constraints, self._seen, self.rng)
        else:
            candidates = self._candidates()
            scores = self._scores(candidates)
            vector = candidates[int(np.argmax(scores))]
        self._seen.add(vector)
        return self.space.decode(vector)

    def tell(self, genotype: Genotype, values: Mapping[str, float] | None, *, pruned: bool = False) -> None:
        """Learn what a training has reached at its end."""
        if values is not None and not pruned:
            mine = {name: float(values[name]) for name in self._objectives}
            self._history.append((self.space.encode(genotype), mine))

    def _candidates(self) -> list[Vector]:
        """New genotypes within the limits, at least one."""
        if self.space.size() <= LISTED:
            if self._listed is None:
                self._listed = self.constraints.remaining(())
            left = [v for v in self._listed if v not in self._seen]
            return left or [random_vector(self.constraints, self._seen, self.rng)]  # which says that none is left
        drawn = {random_vector(self.constraints, self._seen, self.rng) for _ in range(DRAWN)}
        ranked = sorted(self._history, key=lambda h: -h[1][self._objectives[0]])[:NEAR]
        near = (self.space.encode(g) for v, _ in ranked for g in self.space.neighbours(self.space.decode(v)))
        return sorted(drawn | {v for v in near if v not in self._seen and self.constraints.allows(v)})

    def _scores(self, candidates: list[Vector]) -> Array:
        """Expected improvement of each candidate, per cost."""
        points = np.array([v for v, _ in self._history], dtype=np.int64)
        targets = self._targets()
        posterior = Posterior(self._chosen_kernel(points), shared(points, points), targets)
        mean, sd = posterior.predict(shared(points, np.array(candidates, dtype=np.int64)))
        z = (mean - targets.max()) / sd
        improvement = sd * (z * ndtr(z) + np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi))
        if self.settings.cost_power and self.costs is not None:
            macs = np.array([self.costs.of(self.space.decode(v))["macs"] for v in candidates])
            improvement = improvement / macs**self.settings.cost_power
        found: Array = improvement
        return found

    def _chosen_kernel(self, points: NDArray[np.int64]) -> Kernel:
        """The kernel of the first values, of all objectives alike; chosen anew now and then."""
        count = fitted_at(len(points))
        if self._kernel is None or self._kernel[0] != count:
            gained = np.array([gains(own, self._objectives) for _, own in self._history[:count]])
            targets = _weighed(gained, np.full(gained.shape[1], 1 / gained.shape[1]))
            self._kernel = count, choose_kernel(shared(points[:count], points[:count]), targets, points.shape[1])
        return self._kernel[1]

    def _targets(self) -> Array:
        """What is predicted: the objective, or a random weighing of several; more is better."""
        gained = np.array([gains(own, self._objectives) for _, own in self._history])
        several = gained.shape[1] > 1
        return _weighed(gained, self.rng.dirichlet(np.ones(gained.shape[1])) if several else np.ones(1))

    def state_dict(self) -> dict[str, Any]:
        """The random generator, what was proposed, and what was learned."""
        return {
            **super().state_dict(),
            "seen": sorted(list(v) for v in self._seen),
            "history": [[list(v), values] for v, values in self._history],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Inverse of ``state_dict``."""
        super().load_state_dict(state)
        self._seen = {tuple(v) for v in state["seen"]}
        self._history = [(tuple(v), dict(values)) for v, values in state["history"]]
        self._kernel = None

    def advice(self) -> str | None:
        """Whether the trials end before the predictor proposes."""
        if self.search.trials <= self.settings.startup:
            return (
                f"{self.search.trials} trials are all random, since the predictor begins after "
                f"{self.settings.startup}; raise search.trials or lower search.startup"
            )
        return None


def _weighed(gained: Array, weights: Array) -> Array:
    """The augmented Chebyshev weighing of objectives (n, m), each scaled to a span of one; a single one as it is."""
    if gained.shape[1] == 1:
        return np.asarray(gained[:, 0])
    span = np.maximum(np.ptp(gained, axis=0), 1e-12)
    scaled = weights * (gained - gained.max(axis=0)) / span  # at most 0
    return np.asarray(scaled.min(axis=1) + 0.05 * scaled.sum(axis=1))


STRATEGY = Predictor
