"""The next genotype of a shared study, drawn in memory from its rows: one read of the storage and no write."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from optuna.study import Study, create_study
from optuna.trial import FrozenTrial, TrialState, create_trial

from nas.config.runs import SearchSettings
from nas.engines.evaluator import Evaluator
from nas.engines.shared.storage_base import SharedStorage
from nas.engines.shared.trial_budget import TrialBudget
from nas.objectives.constraints import Constraints
from nas.registry import STRATEGIES
from nas.space import Space
from nas.strategies.optuna_sampler import (
    GenotypeSampler,
    directions_of,
    distributions,
    params_of,
    set_constraints,
    suggest,
)
from nas.strategies.optuna_strategy import PASSING


class Proposer:
    """Asks the search's sampler on a copy of the study in memory.

    A proposal is a function of the rows, the seed and its number, so a process that works alone searches exactly as
    the strategy does without a storage.
    """

    def __init__(self, settings: SearchSettings, space: Space, constraints: Constraints) -> None:
        self._settings, self._space, self._constraints = settings, space, constraints
        self._distributions = distributions(space)
        self._notes: dict[str, Any] = {}  # what the sampler noted on the study: the parents of each generation

    def __call__(self, rows: Sequence[FrozenTrial]) -> FrozenTrial:
        """Propose a new genotype.

        Args:
            rows: All trials of the study, by number.

        Returns:
            A waiting trial with the parameters of the genotype and the sampler's notes on it.

        Raises:
            ExhaustedError: No genotype is left.
        """
        settings = self._settings
        strategy = STRATEGIES.get(settings.strategy)
        sampler = GenotypeSampler(strategy, settings.search, self._space, settings.seed, self._constraints)
        study: Study = create_study(directions=directions_of(settings.search), sampler=sampler)
        # a waiting trial (queued in the dashboard by hand) would be what the copy's ``ask`` returns
        study.add_trials(t if t.state != TrialState.WAITING else create_trial(state=TrialState.FAIL) for t in rows)
        storage, identity = study._storage, study._study_id
        for key, value in self._notes.items():
            storage.set_study_system_attr(identity, key, value)
        trial = study.ask()
        genotype = suggest(trial, self._space)
        if self._constraints.limited:
            set_constraints(trial, self._constraints.violations(self._space.encode(genotype)))
        self._notes = dict(storage.get_study_system_attrs(identity))
        notes = study.get_trials(deepcopy=False)[trial.number].system_attrs
        return create_trial(
            state=TrialState.WAITING,
            params=params_of(self._space, genotype),
            distributions=self._distributions,
            system_attrs={key: note for key, note in notes.items() if not key.startswith(PASSING)},
        )


def trial_budget_of(shared: SharedStorage, study: Study, evaluator: Evaluator) -> TrialBudget:
    """The trial budget of a study, with proposals by the search's own sampler within its limits.

    Args:
        shared: The storage of the study.
        study: The study.
        evaluator: Holds the settings, the space and the constraints of the search.
    """
    settings, space = evaluator.settings, evaluator.space
    propose = Proposer(settings, space, evaluator.constraints)
    return TrialBudget(shared, study, space, settings.search.trials, propose, settings.train.time)
