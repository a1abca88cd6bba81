"""The trial budget of a shared study: every trial is spent exactly once, whatever happens to the workers.

The trials of the budget have an index from 0 on. A row of the study (a trial of Optuna) is an attempt at one of them
and holds that index in a user attribute. A trial is spent by one row that is complete, pruned, or failed because its
training diverged. The row of a worker that died is lost, and a new row with the same genotype waits in its place.
Trials are claimed, and lost rows found, by one process at a time (``SharedStorage.exclusive``), so the budget is exact
and no genotype is proposed twice.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from nas.engines.shared.storage_base import OWNER, RETRIES, SharedStorage, is_lost
from nas.objectives.constraints import ExhaustedError
from nas.space import Genotype, Space
from nas.strategies.optuna_sampler import genotype_of

#: user attributes of a row: index of its trial (under the key that the first studies used), hash of its genotype,
#: whether its worker returned it, seconds of work
INDEX, HASH, RETURNED, SECONDS = "slot", "genotype", "returned", "seconds"
#: user attribute of the study: why it ended before its budget
EXHAUSTED = "nas.exhausted"
#: all rows by number -> a waiting trial with the parameters of a new genotype
Propose = Callable[[Sequence[FrozenTrial]], FrozenTrial]


@dataclass(frozen=True)
class Claim:
    """A trial that this process works on.

    Attributes:
        index: Of the trial in the budget, from 0.
        trial_id: Optuna's identifier of the row.
        number: Optuna's number of the row.
        genotype: What is evaluated.
    """

    index: int
    trial_id: int
    number: int
    genotype: Genotype


class TrialBudget:
    """The trials that one study may spend.

    Args:
        shared: The storage of the study.
        study: The study.
        space: The search space.
        budget: The number of trials.
        propose: Proposes a genotype that no row of the study has.
        seconds: Work of all workers together after which no further trial is begun; None for no end.
    """

    def __init__(
        self,
        shared: SharedStorage,
        study: optuna.Study,
        space: Space,
        budget: int,
        propose: Propose,
        seconds: float | None = None,
    ) -> None:
        self.shared, self.study, self.space, self.budget, self.seconds = shared, study, space, budget, seconds
        self._propose, self._name = propose, study.study_name
        self._study_id = shared.optuna_storage.get_study_id_from_name(study.study_name)

    def claim(self) -> Claim | None:
        """Claim a waiting trial, or else begin the next one; None when there is none (others may still be running)."""
        storage = self.shared.optuna_storage
        with self.shared.exclusive(self._name):
            rows = self._mended()
            trials = [t for t in rows if INDEX in t.user_attrs]
            waiting = sorted((t.user_attrs[INDEX], t.number) for t in trials if t.state == TrialState.WAITING)
            if waiting:
                trial = rows[waiting[0][1]]
                trial_id = trial._trial_id
                storage.set_trial_user_attr(trial_id, OWNER, self.shared.owner)
            else:
                index = 1 + max((t.user_attrs[INDEX] for t in trials), default=-1)
                if index >= self.budget or self._over(trials):
                    return None
                try:
                    trial = self._propose(rows)
                except ExhaustedError as error:
                    self.study.set_user_attr(EXHAUSTED, str(error))
                    return None
                genotype = genotype_of(self.space, trial.params)
                trial.user_attrs = {INDEX: index, HASH: genotype.hash, OWNER: self.shared.owner}
                trial_id = self._add(trial)
            # a process that dies before this leaves a waiting trial; after it, its death is noticed
            self.shared.announce(trial_id)
            storage.set_trial_state_values(trial_id, state=TrialState.RUNNING)
            number = storage.get_trial_number_from_id(trial_id)
        return Claim(trial.user_attrs[INDEX], trial_id, number, genotype_of(self.space, trial.params))

    def note(self, claim: Claim, step: int, value: float) -> None:
        """Write the value that a claimed trial has reached at a step of its training."""
        with contextlib.suppress(optuna.exceptions.UpdateFinishedTrialError):  # claimed by another: ``finish`` says so
            self.shared.optuna_storage.set_trial_intermediate_value(claim.trial_id, step, value)

    def finish(self, claim: Claim, values: Sequence[float] | None, state: TrialState, notes: Mapping[str, Any]) -> bool:
        """Write the result of a claimed trial.

        Args:
            claim: The trial.
            values: By objective, in order; None where there are none.
            state: How it ended.
            notes: User attributes of the row.

        Returns:
            False if the trial was meanwhile given to another worker, because this process sent no sign of life for too
            long; then the result does not count.
        """
        try:
            for key, value in notes.items():
                self.shared.optuna_storage.set_trial_user_attr(claim.trial_id, key, value)
            self.study.tell(claim.number, values, state)
        except optuna.exceptions.UpdateFinishedTrialError:
            return False
        except ValueError:
            if self.shared.optuna_storage.get_trial(claim.trial_id).state == TrialState.RUNNING:
                raise
            return False
        return True

    def give_back(self, claim: Claim, counted: bool) -> None:
        """Return a claimed trial, so that it waits for another worker.

        Args:
            claim: The trial.
            counted: Whether this was a failed attempt, of which a trial has only a few; False where the process ends
                for another reason.
        """
        storage = self.shared.optuna_storage
        with self.shared.exclusive(self._name), contextlib.suppress(optuna.exceptions.UpdateFinishedTrialError):
            if not counted:
                storage.set_trial_user_attr(claim.trial_id, RETURNED, True)
            storage.set_trial_state_values(claim.trial_id, state=TrialState.FAIL)
            self._mended()

    def trials(self) -> list[FrozenTrial]:
        """All rows that belong to the budget, by number."""
        return [t for t in self.study.get_trials(deepcopy=False) if INDEX in t.user_attrs]

    def spent(self) -> dict[int, FrozenTrial]:
        """Index of each spent trial -> the row that spent it, in the order of indices."""
        found = {index: spending_row(rows) for index, rows in sorted(_by_index(self.trials()).items())}
        return {index: row for index, row in found.items() if row is not None}

    def done(self) -> bool:
        """Whether no trial is left, waiting or running."""
        trials = self.trials()
        by_index = _by_index(trials)
        if any(spending_row(rows) is None for rows in by_index.values()):
            return False
        return len(by_index) >= self.budget or self._over(trials)

    def _mended(self) -> list[FrozenTrial]:
        """All rows by number, after every lost trial was queued again."""
        self.shared.sweep(self.study)
        rows: list[FrozenTrial] = self.study.get_trials(deepcopy=False)
        added = 0
        for trials in _by_index([t for t in rows if INDEX in t.user_attrs]).values():
            live = any(not t.state.is_finished() for t in trials)
            # returned, or a process died after it marked the row as failed and before it queued the trial again
            if not live and spending_row(trials) is None:
                last = max(trials, key=lambda t: t.number)
                again = optuna.trial.create_trial(
                    state=TrialState.WAITING,
                    params=last.params,
                    distributions=last.distributions,
                    user_attrs={k: v for k, v in last.user_attrs.items() if k in (INDEX, HASH)},
                    system_attrs=dict(last.system_attrs),  # the sampler's notes belong to the genotype
                )
                self._add(again)
                added += 1
        return self.study.get_trials(deepcopy=False) if added else rows

    def _add(self, template: FrozenTrial) -> int:
        trial_id: int = self.shared.optuna_storage.create_new_trial(self._study_id, template_trial=template)
        return trial_id

    def _over(self, trials: Sequence[FrozenTrial]) -> bool:
        """Whether no further trial begins although the budget has some: no genotype is left, or the time is up."""
        if EXHAUSTED in self.study.user_attrs:
            return True
        return self.seconds is not None and sum(t.user_attrs.get(SECONDS, 0.0) for t in trials) >= self.seconds


def spending_row(trials: Sequence[FrozenTrial]) -> FrozenTrial | None:
    """Which of the rows of one trial has spent it.

    Args:
        trials: All rows of the trial.

    Returns:
        The first row with a result, or the last lost one after too many workers have died of the trial; None while the
        trial is not spent.
    """
    for trial in sorted(trials, key=lambda t: t.number):
        if trial.state.is_finished() and not is_lost(trial):
            return trial
    lost = [t for t in trials if is_lost(t) and RETURNED not in t.user_attrs]
    if len(lost) > RETRIES and all(t.state.is_finished() for t in trials):
        return max(lost, key=lambda t: t.number)
    return None


def _by_index(trials: Sequence[FrozenTrial]) -> dict[int, list[FrozenTrial]]:
    found: dict[int, list[FrozenTrial]] = defaultdict(list)
    for trial in trials:
        found[trial.user_attrs[INDEX]].append(trial)
    return found
