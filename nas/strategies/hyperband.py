"""Hyperband: many trainings are begun, and after each level only the best of them go on.

Li, Jamieson, DeSalvo, Rostamizadeh and Talwalkar, "Hyperband: a novel bandit-based approach to hyperparameter
optimization", Journal of Machine Learning Research 18(185), 2018, algorithm 1: brackets of successive halving
(Jamieson and Talwalkar, AISTATS 2016) that begin at different levels, so that nothing is lost where early values
mislead. A training that is promoted goes on from where it was, it is not begun again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from nas.config.search import SearchOptions
from nas.config.sections import Section
from nas.objectives.constraints import ExhaustedError, Vector
from nas.objectives.objectives import objectives_of
from nas.objectives.pareto import dominates
from nas.space import Genotype, Space
from nas.strategies.base import DiscreteStrategy
from nas.strategies.random_search import random_vector


class HyperbandSettings(Section):
    """Settings of the strategy under ``search``; the factor between two levels is ``search.reduction``.

    Attributes:
        levels: How many lengths of training there are, the whole one included; fewer where the steps do not allow it.
    """

    levels: int = Field(3, gt=0, description="lengths of training, the whole one included")


class Hyperband(DiscreteStrategy):
    """Brackets of successive halving over random genotypes; a trial is the stretch of training from level to level.

    With several objectives a training is the better, the fewer others of its bracket dominate it; then by the first
    objective. Where no new genotype is left, the halted trainings go on, the best first.
    """

    Settings: ClassVar[type[Section]] = HyperbandSettings
    multi_fidelity: ClassVar[bool] = True
    settings: HyperbandSettings

    def __init__(self, search: SearchOptions, space: Space, seed: int) -> None:
        super().__init__(search, space, seed)
        self._objectives = objectives_of(search)
        self.levels = levels_of(search)
        self._seen: set[Vector] = set()
        self._bracket = -1  # number of the bracket; it begins at the level of the same number, in turn
        self._level = 0
        self._wanted = 0  # new genotypes that the bracket still lacks
        self._waiting: list[Vector] = []  # promoted, to be trained to the present level; the next one last
        self._reached: list[tuple[Vector, dict[str, float]]] = []  # values of the bracket at the present level
        self._halted: list[tuple[int, Vector, dict[str, float]]] = []  # level that each training has reached

    @classmethod
    def trial_share(cls, search: SearchOptions) -> float:
        """The mean over one round of all brackets."""
        levels, trials, steps = levels_of(search), 0, 0
        for first in range(len(levels)):
            count, before = begun(levels, first), 0
            for level in range(first, len(levels)):
                trials, steps = trials + count, steps + count * (levels[level] - before)
                if level + 1 < len(levels):
                    count, before = promoted(count, levels[level], levels[level + 1]), levels[level]
        return steps / (trials * levels[-1])

    def ask(self) -> Genotype:
        """A new genotype at the first level of the bracket, or one of the best at the next level."""
        vector = self._next()
        self.train_to = self.levels[self._level]
        return self.space.decode(vector)

    def _next(self) -> Vector:
        while True:
            if self._waiting:
                return self._waiting.pop()
            if self._wanted:
                try:
                    vector = random_vector(self.constraints, self._seen, self.rng)
                except ExhaustedError:
                    self._wanted = 0
                    continue
                self._wanted -= 1
                self._seen.add(vector)
                return vector
            if not self._promote():
                self._open_bracket()
                if not self._reopen():
                    continue

    def _promote(self) -> bool:
        """Take the best of the present level to the next; False where the bracket is at its end."""
        if not self._reached or self._level + 1 == len(self.levels):
            return False
        ranked = sorted(self._reached, key=lambda entry: self._rank(entry[1]))
        here, there = self.levels[self._level], self.levels[self._level + 1]
        count = promoted(len(ranked), here, there)
        self._halted += [(self._level, v, values) for v, values in ranked[count:]]
        self._waiting = [v for v, _ in reversed(ranked[:count])]
        self._level, self._reached = self._level + 1, []
        return True

    def _rank(self, values: Mapping[str, float]) -> tuple[int, float]:
        beaten = sum(dominates(other, values, self._objectives) for _, other in self._reached)
        return beaten, -values[self._objectives[0]]

    def _open_bracket(self) -> None:
        """Begin the next bracket; the cost of all brackets is about the same."""
        self._bracket += 1
        self._level, self._reached = self._bracket % len(self.levels), []
        self._wanted = begun(self.levels, self._level)

    def _reopen(self) -> bool:
        """Where no new genotype is left: let the best halted training go on.

        Raises:
            ExhaustedError: None is halted either.
        """
        try:
            random_vector(self.constraints, self._seen, self.rng)
        except ExhaustedError:
            if not self._halted:
                raise
            best = max(self._halted, key=lambda h: (h[0], h[2][self._objectives[0]]))
            self._halted.remove(best)
            self._level, self._wanted, self._waiting = best[0] + 1, 0, [best[1]]
            return True
        return False

    def tell(self, genotype: Genotype, values: Mapping[str, float] | None, *, pruned: bool = False) -> None:
        """Note what the training has reached; one that diverged is not promoted."""
        if values is not None:
            mine = {name: float(values[name]) for name in self._objectives}
            self._reached.append((self.space.encode(genotype), mine))

    def state_dict(self) -> dict[str, Any]:
        """The random generator, what was proposed, and where the bracket stands."""
        return {
            **super().state_dict(),
            "seen": sorted(list(v) for v in self._seen),
            "bracket": [self._bracket, self._level, self._wanted],
            "waiting": [list(v) for v in self._waiting],
            "reached": [[list(v), values] for v, values in self._reached],
            "halted": [[level, list(v), values] for level, v, values in self._halted],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Inverse of ``state_dict``."""
        super().load_state_dict(state)
        self._seen = {tuple(v) for v in state["seen"]}
        self._bracket, self._level, self._wanted = state["bracket"]
        self._waiting = [tuple(v) for v in state["waiting"]]
        self._reached = [(tuple(v), dict(values)) for v, values in state["reached"]]
        self._halted = [(int(level), tuple(v), dict(values)) for level, v, values in state["halted"]]


def levels_of(search: SearchOptions) -> tuple[int, ...]:
    """The steps at which trainings are halted, ascending; the last is ``search.trial_steps``."""
    steps = {search.trial_steps // search.reduction**k for k in range(search.own(HyperbandSettings).levels)}
    return tuple(sorted(s for s in steps if s > 0))


def begun(levels: tuple[int, ...], first: int) -> int:
    """How many trainings a bracket begins at a level, so that all brackets cost about the same."""
    return math.ceil(len(levels) / (len(levels) - first) * levels[-1] / levels[first])


def promoted(count: int, here: int, there: int) -> int:
    """How many of ``count`` trainings go on from one level to the next."""
    return max(1, count * here // there)


STRATEGY = Hyperband
