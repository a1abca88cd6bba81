"""Genotypes in Optuna: one categorical parameter for each decision, and a sampler that proposes no genotype twice.

The strategies inside one process and studies that many workers share use the same functions, so that both search in
the same way. A proposal is a pure function of the study's finished trials, the seed and the number of the trial: a
study rebuilt from its trials continues as if it had never been interrupted.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from nas.config.search import SearchOptions
from nas.objectives.constraints import Constraints, Vector
from nas.objectives.objectives import Direction, direction, objectives_of
from nas.space import Genotype, Space
from nas.strategies.base import DiscreteStrategy

#: how often a sampler may propose what is not allowed, before its last proposal is mutated instead
PROPOSALS = 8
#: user attribute of a failed trial whose training diverged, so that its genotype is not tried again
FAILURE = "nas_hopeless"


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """What can be chosen for each decision, by its name, in the order of ``space.decisions``.

    Of an ordered setting it is the index of its value, a whole number, so that a sampler knows what lies beside what.
    """
    return {
        d.name: IntDistribution(0, len(d.choices) - 1) if d.kind == "ordered" else CategoricalDistribution(d.choices)
        for d in space.decisions
    }


def params_of(space: Space, genotype: Genotype) -> dict[str, Any]:
    """What is chosen for each decision, by its name; the inverse of ``genotype_of``."""
    return params_at(space, space.encode(genotype))


def params_at(space: Space, vector: Sequence[int]) -> dict[str, Any]:
    """``params_of`` the genotype of a vector."""
    return {
        d.name: int(i) if d.kind == "ordered" else d.choices[i] for d, i in zip(space.decisions, vector, strict=True)
    }


def genotype_of(space: Space, params: Mapping[str, Any]) -> Genotype:
    """The genotype that the parameters of a trial stand for."""
    return space.decode(vector_of(space, params))


def vector_of(space: Space, params: Mapping[str, Any]) -> Vector:
    """``Space.encode`` of a trial's parameters."""
    return tuple(
        int(params[d.name]) if d.kind == "ordered" else d.choices.index(params[d.name]) for d in space.decisions
    )


def suggest(trial: Trial, space: Space) -> Genotype:
    """The genotype that the sampler proposes for ``trial``, or that was enqueued for it."""
    return genotype_of(
        space,
        {
            d.name: trial.suggest_int(d.name, 0, len(d.choices) - 1)
            if d.kind == "ordered"
            else trial.suggest_categorical(d.name, d.choices)
            for d in space.decisions
        },
    )


def directions_of(search: SearchOptions) -> list[Direction]:
    """``maximize``/``minimize`` for each of ``objectives_of(search)``."""
    return [direction(name) for name in objectives_of(search)]


def set_constraints(trial: Trial | FrozenTrial, excess: Mapping[str, float]) -> None:
    """Note violations of limits on a trial as constraints of Optuna.

    Args:
        trial: The trial.
        excess: Relative excess over each limit (``Constraints.violations``); 0 or less keeps the limit.
    """
    for metric, value in excess.items():
        trial.set_constraint(metric, value)


def trial_seed(*parts: int) -> int:
    """A seed of 32 bits made of several numbers."""
    return int(np.random.SeedSequence(parts).generate_state(1)[0])


class GenotypeSampler(BaseSampler):
    """An Optuna sampler that proposes only genotypes within the limits, and none twice.

    A proposal that is not allowed is drawn again, and after ``PROPOSALS`` draws mutated until it is allowed.
    ``study.ask`` raises ExhaustedError when no genotype is left.

    Args:
        strategy: The strategy whose own sampler makes the proposals.
        search: Settings of the search.
        space: The search space.
        seed: Seed of the study.
        constraints: Which genotypes are within the limits.
    """

    def __init__(
        self, strategy: type[DiscreteStrategy], search: SearchOptions, space: Space, seed: int, constraints: Constraints
    ) -> None:
        self.strategy, self.search, self.space, self.seed, self.constraints = strategy, search, space, seed, constraints
        self._distributions = distributions(space)
        self._open = {name: d for name, d in self._distributions.items() if not d.single()}

    def _inner(self, seed: int) -> BaseSampler:
        sampler = self.strategy.sampler(self.search, seed, self.seed)
        assert sampler is not None  # the engine refuses strategies without one
        return sampler

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """All decisions: genotypes are proposed as a whole."""
        return dict(self._distributions)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """A proposal as parameters of the trial."""
        vector = self.propose(study, trial, self._seen(study, trial))
        return params_at(self.space, vector)

    def propose(self, study: Study, trial: FrozenTrial, taken: Collection[Vector]) -> Vector:
        """Propose a genotype for a running trial.

        The sampler may note system attributes on the trial (its generation). They belong to the genotype: a trial that
        is repeated elsewhere has to keep them.

        Args:
            study: The study.
            trial: The running trial.
            taken: Genotypes that were proposed before.

        Returns:
            A genotype within the limits that is not in ``taken``, as ``Space.encode`` gives it.

        Raises:
            ExhaustedError: There is none.
        """
        vector: Vector = ()
        for attempt in range(PROPOSALS):
            vector = self._proposal(study, trial, attempt)
            if vector not in taken and self.constraints.allows(vector):
                return vector
        below = random.Random(trial_seed(self.seed, trial.number, PROPOSALS)).randrange
        return self.constraints.another(vector, taken, below)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Called only for parameters that are not decisions of the space."""
        inner = RandomSampler(seed=trial_seed(self.seed, trial.number))
        return inner.sample_independent(study, trial, param_name, param_distribution)

    def _proposal(self, study: Study, trial: FrozenTrial, attempt: int) -> Vector:
        inner = self._inner(trial_seed(self.seed, trial.number, attempt))
        params = inner.sample_relative(study, trial, dict(self._open))
        only = params_at(self.space, [0] * len(self.space.decisions))
        for name, distribution in self._distributions.items():
            if name not in params:  # the first trials, and what evolution mutates
                params[name] = (
                    inner.sample_independent(study, trial, name, distribution) if name in self._open else only[name]
                )
        return self.space.canonical(vector_of(self.space, params))

    def _seen(self, study: Study, trial: FrozenTrial) -> set[Vector]:
        names = self._distributions.keys()
        return {
            vector_of(self.space, other.params)
            for other in study.get_trials(deepcopy=False)
            if other.number != trial.number
            and names <= other.params.keys()
            and (other.state != TrialState.FAIL or FAILURE in other.user_attrs)
        }


@contextmanager
def quiet_log() -> Iterator[None]:
    """A block in which Optuna logs nothing but warnings and errors."""
    logger = logging.getLogger("optuna")
    level = logger.level
    if level == logging.WARNING:  # a change of level is not free: it forgets which loggers are on
        yield
        return
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)
