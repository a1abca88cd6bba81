"""The budget of a shared study: numbered slots, each evaluated exactly once, whatever happens to the workers.

A slot is a number from 0 on, kept in a user attribute of its trials. It is spent by one trial that is complete,
pruned, or failed for a reason of its own (the loss diverged). A trial whose worker died is lost; its slot waits
again with the same genotype. TrialBudget are taken, and lost ones found, by one process at a time
(``SharedStorage.exclusive``), so the budget is exact and no genotype is proposed twice.
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

#: user attributes of a trial; HASH is its genotype's
SLOT, HASH, RETURNED, SECONDS = "slot", "genotype", "returned", "seconds"
#: user attribute of the study: why it ended before its budget
EXHAUSTED = "nas.exhausted"
#: all rows by number -> a waiting trial with the parameters of a new genotype
Propose = Callable[[Sequence[FrozenTrial]], FrozenTrial]


@dataclass(frozen=True)
class Claim:
    """A slot that this process works on."""

    slot: int
    trial_id: int
    number: int
    genotype: Genotype


class TrialBudget:
    """``budget`` slots of one study over one space; ``seconds``: work after which no further slot is opened."""

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
        """Take a slot that waits, or open the next one; None when there is none (others may still be at work)."""
        storage = self.shared.optuna_storage
        with self.shared.exclusive(self._name):
            rows = self._mended()
            trials = [t for t in rows if SLOT in t.user_attrs]
            waiting = sorted((t.user_attrs[SLOT], t.number) for t in trials if t.state == TrialState.WAITING)
            if waiting:
                trial = rows[waiting[0][1]]
                trial_id = trial._trial_id
                storage.set_trial_user_attr(trial_id, OWNER, self.shared.owner)
            else:
                slot = 1 + max((t.user_attrs[SLOT] for t in trials), default=-1)
                if slot >= self.budget or self._over(trials):
                    return None
                try:
                    trial = self._propose(rows)
                except ExhaustedError as error:
                    self.study.set_user_attr(EXHAUSTED, str(error))
                    return None
                genotype = genotype_of(self.space, trial.params)
                trial.user_attrs = {SLOT: slot, HASH: genotype.hash, OWNER: self.shared.owner}
                trial_id = self._add(trial)
            # before it runs: a process that dies here leaves a trial that waits, and after it one whose death is seen
            self.shared.announce(trial_id)
            storage.set_trial_state_values(trial_id, state=TrialState.RUNNING)
            number = storage.get_trial_number_from_id(trial_id)
        return Claim(trial.user_attrs[SLOT], trial_id, number, genotype_of(self.space, trial.params))

    def note(self, claim: Claim, step: int, value: float) -> None:
        """Write what a claimed slot has reached at a step of its training."""
        with contextlib.suppress(optuna.exceptions.UpdateFinishedTrialError):  # taken away: ``finish`` will tell
            self.shared.optuna_storage.set_trial_intermediate_value(claim.trial_id, step, value)

    def finish(self, claim: Claim, values: Sequence[float] | None, state: TrialState, notes: Mapping[str, Any]) -> bool:
        """Write the result of a claimed slot.

        False when the slot was taken away meanwhile (this process was silent for too long): then nothing counts.
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
        """Queue a claimed slot again for others: at once when this process ends early, and ``counted`` as a
        failed try when it ends for the trial's sake.
        """
        storage = self.shared.optuna_storage
        with self.shared.exclusive(self._name), contextlib.suppress(optuna.exceptions.UpdateFinishedTrialError):
            if not counted:
                storage.set_trial_user_attr(claim.trial_id, RETURNED, True)
            storage.set_trial_state_values(claim.trial_id, state=TrialState.FAIL)
            self._mended()

    def trials(self) -> list[FrozenTrial]:
        """All trials that belong to a slot, by number."""
        return [t for t in self.study.get_trials(deepcopy=False) if SLOT in t.user_attrs]

    def spent(self) -> dict[int, FrozenTrial]:
        """Slot -> the one trial that spent it, in the order of slots."""
        by_slot = _by_slot(self.trials())
        found = {slot: spending_trial(trials) for slot, trials in sorted(by_slot.items())}
        return {slot: trial for slot, trial in found.items() if trial is not None}

    def done(self) -> bool:
        """Whether no slot is open, waiting or running."""
        trials = self.trials()
        by_slot = _by_slot(trials)
        if any(spending_trial(of_slot) is None for of_slot in by_slot.values()):
            return False
        return len(by_slot) >= self.budget or self._over(trials)

    def _mended(self) -> list[FrozenTrial]:
        """All rows by number, after every lost trial's slot was queued again."""
        self.shared.sweep(self.study)
        rows: list[FrozenTrial] = self.study.get_trials(deepcopy=False)
        added = 0
        for trials in _by_slot([t for t in rows if SLOT in t.user_attrs]).values():
            live = any(not t.state.is_finished() for t in trials)
            # given back, or a sweeper died after it failed the trial and before it queued the slot again
            if not live and spending_trial(trials) is None:
                last = max(trials, key=lambda t: t.number)
                again = optuna.trial.create_trial(
                    state=TrialState.WAITING,
                    params=last.params,
                    distributions=last.distributions,
                    user_attrs={k: v for k, v in last.user_attrs.items() if k in (SLOT, HASH)},
                    system_attrs=dict(last.system_attrs),  # the sampler's notes belong to the genotype
                )
                self._add(again)
                added += 1
        return self.study.get_trials(deepcopy=False) if added else rows

    def _add(self, template: FrozenTrial) -> int:
        trial_id: int = self.shared.optuna_storage.create_new_trial(self._study_id, template_trial=template)
        return trial_id

    def _over(self, trials: Sequence[FrozenTrial]) -> bool:
        """Whether no further slot is to be opened, though the budget has some: nothing is left, or time is up."""
        if EXHAUSTED in self.study.user_attrs:
            return True
        return self.seconds is not None and sum(t.user_attrs.get(SECONDS, 0.0) for t in trials) >= self.seconds


def spending_trial(trials: Sequence[FrozenTrial]) -> FrozenTrial | None:
    """The trial that spent a slot, of all trials of that slot; None while it is open.

    The first that came to a result; after too many deaths of its workers the last lost one.
    """
    for trial in sorted(trials, key=lambda t: t.number):
        if trial.state.is_finished() and not is_lost(trial):
            return trial
    lost = [t for t in trials if is_lost(t) and RETURNED not in t.user_attrs]
    if len(lost) > RETRIES and all(t.state.is_finished() for t in trials):
        return max(lost, key=lambda t: t.number)
    return None


def _by_slot(trials: Sequence[FrozenTrial]) -> dict[int, list[FrozenTrial]]:
    found: dict[int, list[FrozenTrial]] = defaultdict(list)
    for trial in trials:
        found[trial.user_attrs[SLOT]].append(trial)
    return found
