"""A discrete strategy made of an Optuna sampler and a study in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from optuna.study import Study, create_study
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from nas.config.search import SearchOptions
from nas.errors import NasError
from nas.objectives.objectives import objectives_of
from nas.space import Genotype, Space
from nas.strategies.base import DiscreteStrategy
from nas.strategies.optuna_sampler import (
    FAILURE,
    GenotypeSampler,
    directions_of,
    distributions,
    params_of,
    quiet_log,
    set_constraints,
    suggest,
)

STATES = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}
#: prefix of notes of Optuna that matter only while other processes ask at the same time
PASSING = "tpe:"


class OptunaStrategy(DiscreteStrategy):
    """Asks the sampler of the strategy; the state is the history of its trials, from which the study is rebuilt."""

    slow: ClassVar[bool] = True

    def __init__(self, search: SearchOptions, space: Space, seed: int) -> None:
        super().__init__(search, space, seed)
        self._objectives = objectives_of(search)
        self._history: list[dict[str, Any]] = []
        self._study: Study | None = None
        self._asked: Trial | None = None

    def ask(self) -> Genotype:
        """The proposal of the sampler for a new trial."""
        with quiet_log():
            if self._study is None:
                self._study = self._rebuilt()
            self._asked = trial = self._study.ask()
            genotype = suggest(trial, self.space)
            set_constraints(trial, self.constraints.violations(self.space.encode(genotype)))
        return genotype

    def tell(self, genotype: Genotype, values: Mapping[str, float] | None, *, pruned: bool = False) -> None:
        """Finish the trial of the last ``ask``; NasError for any other genotype."""
        if self._study is None or self._asked is None or self._asked.params != params_of(self.space, genotype):
            raise NasError(f"genotype {genotype.hash} was not asked for; tell what the last ask returned")
        # what the sampler noted on the trial (above all its generation) belongs to the history
        notes = self._study.get_trials(deepcopy=False)[self._asked.number].system_attrs
        reached = [] if values is None else [float(values[name]) for name in self._objectives]
        record: dict[str, Any] = {
            "vector": list(self.space.encode(genotype)),
            "state": "failed" if values is None else "pruned" if pruned else "complete",
            "values": reached,
            "notes": {key: note for key, note in notes.items() if not key.startswith(PASSING)},
        }
        self._history.append(record)
        if record["state"] == "complete":
            with quiet_log():
                self._study.tell(self._asked, reached)
        else:  # rare, so the study is rebuilt: then there is only one way in which a trial is entered
            self._study = None
        self._asked = None

    def _rebuilt(self) -> Study:
        sampler = GenotypeSampler(type(self), self.search, self.space, self.seed, self.constraints)
        study = create_study(directions=directions_of(self.search), sampler=sampler)
        study.add_trials([self._trial(record) for record in self._history])
        return study

    def _trial(self, record: dict[str, Any]) -> FrozenTrial:
        state, values = record["state"], record["values"]
        return create_trial(
            state=STATES[state],
            params=params_of(self.space, self.space.decode(record["vector"])),
            distributions=distributions(self.space),
            values=values if state == "complete" else None,
            # with one objective Optuna ranks pruned trials by what they had reached
            intermediate_values={0: values[0]} if state == "pruned" and len(values) == 1 else None,
            system_attrs=record["notes"],
            user_attrs={FAILURE: True} if state == "failed" else None,
        )

    def state_dict(self) -> dict[str, Any]:
        """The history of the trials."""
        return {"history": list(self._history)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Inverse of ``state_dict``."""
        self._history, self._study, self._asked = list(state["history"]), None, None
