"""From the rows of a shared study to the usual run folder: events, the Pareto archive, the genotype, the summary.

Whatever is written here follows from the rows of the study and can be computed from them again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from nas.engines.evaluator import Evaluator
from nas.engines.result import SearchResult, finish
from nas.engines.shared.storage_base import OWNER
from nas.engines.shared.trial_budget import EXHAUSTED, HASH, INDEX, SECONDS, TrialBudget
from nas.errors import NasError
from nas.objectives.pareto import ParetoArchive, Point
from nas.space.genotype import skip_share
from nas.strategies.optuna_sampler import FAILURE, genotype_of
from nas.train.events import Events
from nas.train.run import Run

STATES = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed"}


class StudyLog:
    """Writes each trial to the run's events when it is spent; a resumed search writes them all again, from the rows.

    Args:
        budget: The trials of the study.
        evaluator: Of the search.
        events: Of the run folder.
    """

    def __init__(self, budget: TrialBudget, evaluator: Evaluator, events: Events) -> None:
        self._budget, self._evaluator, self._events = budget, evaluator, events
        self._written: set[int] = set()
        self._archive = ParetoArchive(evaluator.objectives)

    def update(self) -> int:
        """Write what was spent since the last call; returns how many trials that were."""
        fresh = {index: t for index, t in self._budget.spent().items() if index not in self._written}
        for index, trial in sorted(fresh.items(), key=lambda item: (item[1].datetime_complete, item[0])):
            self._written.add(index)
            self._events.write(len(self._written), "trial", **event_of(trial, self._evaluator))
            if _insert(self._archive, trial, self._evaluator) and len(self._evaluator.objectives) > 1:
                self._events.write(len(self._written), "pareto", points=self._archive.summary())
        return len(fresh)

    def best_text(self) -> str:
        """The best value so far, for the progress line."""
        best = self._archive.best()
        name = self._evaluator.objectives[0]
        return "" if best is None else f"best {name} {best.values[name]:.3f}"

    def close(self) -> None:
        """Write the last event: the best value."""
        best = self._archive.best()
        if best is not None:
            scores = {name: best.values[name] for name in self._evaluator.objectives}
            self._events.write(len(self._written), "validation", **scores)


def event_of(trial: FrozenTrial, evaluator: Evaluator) -> dict[str, Any]:
    """A spent trial as an event.

    Args:
        trial: The row that spent it.
        evaluator: Of the search.

    Returns:
        Hash of the genotype, objective values, state, index (``slot``), seconds of work, steps, share of skip
        connections, and the worker that evaluated it.
    """
    notes = trial.user_attrs
    values = dict(zip(evaluator.objectives, trial.values, strict=False)) if trial.values else {}
    found: dict[str, Any] = {
        "genotype": notes.get(HASH, ""),
        **values,
        "state": STATES[trial.state],
        "slot": notes[INDEX],
        "number": trial.number,
        "seconds": notes.get(SECONDS, 0.0),
        "steps": int(notes.get("steps", 0)),
        "skip_share": skip_share(genotype_of(evaluator.space, trial.params)),
        "worker": notes.get(OWNER, ""),
    }
    if FAILURE in notes:
        found["reason"] = notes[FAILURE]
    return found


def best_of(trials: Iterable[FrozenTrial], evaluator: Evaluator) -> tuple[Point | None, ParetoArchive]:
    """The best of the complete trials and the archive of all, in the order of their indices.

    Ties in the quality are broken by the other objectives, then by parameters and multiply-adds, then by the index.

    Args:
        trials: The rows that spent the trials.
        evaluator: Of the search.
    """
    archive = ParetoArchive(evaluator.objectives)
    for trial in sorted(trials, key=lambda t: t.user_attrs[INDEX]):
        _insert(archive, trial, evaluator)
    return archive.best(evaluator.tie_break), archive


def write_result(budget: TrialBudget, evaluator: Evaluator, run: Run, started: float) -> SearchResult:
    """Write genotype.json, with several objectives the Pareto archive, and summary.json.

    Args:
        budget: The trials of the study.
        evaluator: Of the search.
        run: The run folder.
        started: ``time.monotonic()`` at the start of this session.

    Returns:
        The finished search.

    Raises:
        NasError: No trial came to a result.
    """
    spent = budget.spent()
    best, archive = best_of(spent.values(), evaluator)
    if best is None:
        reasons = {str(t.user_attrs.get(FAILURE, "its workers kept dying")) for t in spent.values()}
        raise NasError(f"no trial of study {budget.study.study_name!r} came to a result ({'; '.join(sorted(reasons))})")
    if len(evaluator.objectives) > 1:
        archive.write(run.folder)
    scores = {name: best.values[name] for name in evaluator.objectives}
    states = [STATES[t.state] for t in spent.values()]
    more: dict[str, Any] = {
        "study": budget.study.study_name,
        "trials": {state: states.count(state) for state in STATES.values()},
        "workers": len({t.user_attrs.get(OWNER) for t in spent.values()}),
        "seconds_of_work": round(sum(t.user_attrs.get(SECONDS, 0.0) for t in spent.values()), 1),
    }
    if EXHAUSTED in budget.study.user_attrs:
        more["ended_early"] = budget.study.user_attrs[EXHAUSTED]
    return finish(run, evaluator.settings, best.genotype, scores, started, **more)


def _insert(archive: ParetoArchive, trial: FrozenTrial, evaluator: Evaluator) -> bool:
    if trial.state != TrialState.COMPLETE:
        return False
    genotype = genotype_of(evaluator.space, trial.params)
    values = dict(zip(evaluator.objectives, map(float, trial.values), strict=True))
    further = evaluator.costs_of(genotype) if len(evaluator.objectives) > 1 else {}
    return archive.insert(genotype, {**further, **values})
