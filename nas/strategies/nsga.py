"""Optuna's NSGA-II and NSGA-III as pure functions of the study's trials.

NSGA-II: Deb et al., IEEE Transactions on Evolutionary Computation 6(2), 2002; NSGA-III: Deb and Jain, the same,
18(4), 2014. Optuna's samplers keep the parents in the study and draw from one stream. Here the parents of a
generation follow from the trials, its number and the study's seed alone, whichever trial asks first, so that a resumed
search continues bit-exactly. Pruned trials count towards a generation, since each of them has cost a trial.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import NSGAIIISampler, NSGAIISampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

if TYPE_CHECKING:
    from typing import Any as _Base
else:
    _Base = object


class _Reproducible(_Base):  # type: ignore[misc]
    def __init__(self, *, population_size: int, seed: int, study_seed: int) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)  # NSGA-III; tested with the version in use
            super().__init__(population_size=population_size, seed=seed)
        self._study_seed = study_seed

    def get_trial_generation(self, study: Study, trial: FrozenTrial) -> int:
        key = self._get_generation_key()
        if key in trial.system_attrs:
            return int(trial.system_attrs[key])
        finished = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
        numbers = [t.system_attrs[key] for t in finished if key in t.system_attrs]
        latest = max(numbers, default=0)
        # at least two parents: if nearly all trials are pruned, the first generation is larger
        parents = sum(t.state == TrialState.COMPLETE for t in finished)
        generation = latest + int(numbers.count(latest) >= self.population_size and parents >= 2)
        study._storage.set_trial_system_attr(trial._trial_id, key, generation)
        return generation

    def get_parent_population(self, study: Study, generation: int) -> list[FrozenTrial]:
        # the first trial that asks gets them as selected, later ones as stored: the order must be the same
        return sorted(super().get_parent_population(study, generation), key=lambda t: t.number)

    def select_parent(self, study: Study, generation: int) -> list[FrozenTrial]:
        seed = int(np.random.SeedSequence((self._study_seed, generation)).generate_state(1)[0])
        chooser: Any = type(self)(population_size=self.population_size, seed=seed, study_seed=self._study_seed)
        return list(super(_Reproducible, chooser).select_parent(study, generation))


class Nsga2(_Reproducible, NSGAIISampler):
    """NSGA-II, for up to three objectives."""


class Nsga3(_Reproducible, NSGAIIISampler):
    """NSGA-III, for more than three objectives."""
