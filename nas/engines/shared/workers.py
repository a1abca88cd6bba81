"""Processes that work on a shared study: the loop of one, and a crew of local ones."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from optuna.trial import TrialState

from nas.engines.evaluator import Workplace
from nas.engines.shared.storage_base import is_lost
from nas.engines.shared.trial_budget import SECONDS, Claim, Slots
from nas.estimators.catalogue import Report
from nas.estimators.pruning import hopeless
from nas.space import Genotype
from nas.strategies.optuna_sampler import HOPELESS, genotype_of
from nas.train.signals import terminating

#: seconds between two looks at a study on which others work
POLL = 0.5


def work(slots: Slots, place: Workplace, tell: Callable[[Claim], None] | None = None) -> int:
    """Evaluate slots until none is left, waiting for those of others (they might die); returns how many were done.

    ``tell`` is called after each. An exception of this process (Ctrl-C too) gives its slot back before it goes on.
    """
    done = 0
    with terminating():
        while True:
            claim = slots.claim()
            if claim is None:
                if slots.done():
                    return done
                time.sleep(POLL)
                continue
            try:
                with slots.shared.working(claim.trial_id):
                    kept = _evaluate(slots, place, claim)
            except KeyboardInterrupt:
                slots.give_back(claim, counted=False)
                raise
            except Exception:
                slots.give_back(claim, counted=True)
                raise
            done += kept
            if kept and tell is not None:
                tell(claim)


def _evaluate(slots: Slots, place: Workplace, claim: Claim) -> bool:
    result = place.evaluate(claim.genotype, claim.slot, _reporter(slots, place, claim))
    notes: dict[str, Any] = {
        SECONDS: round(result.seconds, 3),
        # what is an objective stands in the row already, and every note is a write
        **{name: value for name, value in result.scores.items() if value and name not in place.objectives},
    }
    if result.failure:
        return slots.finish(claim, None, TrialState.FAIL, {**notes, HOPELESS: result.failure})
    if result.stopped:  # Optuna takes the last report for the value
        return slots.finish(claim, None, TrialState.PRUNED, notes)
    return slots.finish(claim, [result.values[n] for n in place.objectives], TrialState.COMPLETE, notes)


def _reporter(slots: Slots, place: Workplace, claim: Claim) -> Report | None:
    """Successive halving over the trials of all workers: what others had reached at a rung stands in the storage."""
    search = place.settings.search
    if not search.pruning:
        return None

    def values(genotype: Genotype, quality: float) -> dict[str, float]:
        costs = place.costs_of(genotype) if len(place.objectives) > 1 else {}
        return {name: costs.get(name, quality) for name in place.objectives}

    def report(step: int, quality: float) -> bool:
        others = [
            values(genotype_of(place.space, t.params), t.intermediate_values[step])
            for t in slots.trials()
            if t.number != claim.number and step in t.intermediate_values and not is_lost(t)
        ]
        slots.note(claim, step, quality)
        return hopeless(values(claim.genotype, quality), others, search)

    return report
