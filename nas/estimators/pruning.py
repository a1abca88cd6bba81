"""Which trials are pruned, that is, ended early: successive halving, and our own rule with several objectives.

Asynchronous successive halving (Li et al., MLSys 2020; Optuna's pruner of that name has the same rule): at each rung a
trial continues only if its validation PSNR is among the best 1/``search.reduction`` of all trials that have reached
the rung, or is the best if fewer than ``search.reduction`` have. With several objectives a trial is pruned if another
one was at least as good in every objective at the rung, and better in one. An early PSNR tells a bad training from a
good one, but does not rank cells: the trials that continue are compared at full length.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from nas.config.search import SearchOptions
from nas.objectives.objectives import direction, objectives_of
from nas.objectives.pareto import dominates

#: rungs below a full trial: by default 11 % and 33 % of the steps; any earlier PSNR says little
RUNGS = 2


def rungs(search: SearchOptions) -> tuple[int, ...]:
    """The steps at which a trial may be pruned, ascending and below ``search.trial_steps``; () without pruning."""
    if not search.pruning:
        return ()
    steps = {search.trial_steps // search.reduction**k for k in range(1, RUNGS + 1)}
    return tuple(sorted(s for s in steps if 0 < s < search.trial_steps))


def should_stop(values: Mapping[str, float], others: Iterable[Mapping[str, float]], search: SearchOptions) -> bool:
    """Whether a trial is pruned at a rung.

    Args:
        values: By objective, as the trial has reached them. Values that are not numbers (the training diverged) always
            lead to pruning.
        others: The values of the trials that have reached the rung before.
        search: The settings of the search.
    """
    objectives: Sequence[str] = objectives_of(search)
    if any(values[n] != values[n] for n in objectives):
        return True
    rivals = [o for o in others if all(o[n] == o[n] for n in objectives)]
    if len(objectives) > 1:
        return any(dominates(o, values, objectives) for o in rivals)
    (name,) = objectives
    sign = 1.0 if direction(name) == "maximize" else -1.0
    ranked = sorted((sign * o[name] for o in (*rivals, values)), reverse=True)
    return sign * values[name] < ranked[max(len(ranked) // search.reduction, 1) - 1]
