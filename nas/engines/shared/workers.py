"""The loop of a process that evaluates trials of a shared study."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from optuna.trial import TrialState

from nas.engines.evaluator import Evaluator
from nas.engines.shared.storage_base import is_lost
from nas.engines.shared.trial_budget import SECONDS, Claim, TrialBudget
from nas.estimators.base import Report
from nas.estimators.pruning import should_stop
from nas.signals import listening, stop_if_asked
from nas.strategies.optuna_sampler import FAILURE, genotype_of

#: seconds between two looks at a study on which others work
POLL = 0.5
#: what to tell the user of a process that was interrupted
INTERRUPTED = "interrupted, its trial was returned; continue with 'nas search --resume RUN' or another 'nas worker'"


def work(budget: TrialBudget, evaluator: Evaluator, tell: Callable[[Claim], None] | None = None) -> int:
    """Evaluate trials until all are spent. Trials of other workers are waited for, since those might die.

    Args:
        budget: The trials of the study.
        evaluator: Of the search.
        tell: Called after each trial that this process has evaluated.

    Returns:
        How many trials were evaluated here.

    Raises:
        Interrupted: SIGINT or SIGTERM. Like every other exception, it returns the trial at hand first.
    """
    done = 0
    with listening(lambda: INTERRUPTED, at_once=False):
        while True:
            stop_if_asked()
            claim = budget.claim()
            if claim is None:
                if budget.done():
                    return done
                time.sleep(POLL)
                continue
            try:
                with budget.shared.working(claim.trial_id):
                    kept = _evaluate(budget, evaluator, claim)
            except KeyboardInterrupt:
                budget.give_back(claim, counted=False)
                raise
            except Exception:
                budget.give_back(claim, counted=True)
                raise
            done += kept
            if kept and tell is not None:
                tell(claim)


def _evaluate(budget: TrialBudget, evaluator: Evaluator, claim: Claim) -> bool:
    result = evaluator.evaluate(claim.genotype, claim.index, _reporter(budget, evaluator, claim))
    notes: dict[str, Any] = {
        SECONDS: round(result.seconds, 3),
        # objectives are in the row anyway, and every note costs a write
        **{name: value for name, value in result.scores.items() if value and name not in evaluator.objectives},
    }
    if result.failure:
        return budget.finish(claim, None, TrialState.FAIL, {**notes, FAILURE: result.failure})
    if result.stopped:  # Optuna takes the last reported value
        return budget.finish(claim, None, TrialState.PRUNED, notes)
    return budget.finish(claim, [result.values[n] for n in evaluator.objectives], TrialState.COMPLETE, notes)


def _reporter(budget: TrialBudget, evaluator: Evaluator, claim: Claim) -> Report | None:
    """Successive halving over the trials of all workers, whose values at each rung are in the storage."""
    search = evaluator.settings.search
    if not search.pruning:
        return None

    def report(step: int, quality: float) -> bool:
        others = [
            evaluator.objective_values(genotype_of(evaluator.space, t.params), t.intermediate_values[step])
            for t in budget.trials()
            if t.number != claim.number and step in t.intermediate_values and not is_lost(t)
        ]
        budget.note(claim, step, quality)
        return should_stop(evaluator.objective_values(claim.genotype, quality), others, search)

    return report
