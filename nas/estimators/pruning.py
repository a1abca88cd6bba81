"""Which trials are stopped early: successive halving, and with several objectives our own rule.

Asynchronous successive halving (Li et al., MLSys 2020; Optuna's pruner of that name has the same rule): at each
rung a trial goes on only if its validation PSNR is among the best 1/``search.reduction`` of all that came to this
rung; while fewer than that many have, only the best so far. With several objectives a trial is stopped when, at
the rung, another trial was at least as good in every objective and better in one. An early PSNR tells a bad run;
it does not rank cells, so what goes on is compared at full length.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from nas.config.search import SearchOptions
from nas.objectives.objectives import direction, objectives_of
from nas.objectives.pareto import dominates

#: rungs below a full trial; a first third of a third is 11 % of the steps, before which PSNR says little
RUNGS = 2


def rungs(search: SearchOptions) -> tuple[int, ...]:
    """The steps at which a trial may be stopped, ascending, all below ``search.trial_steps``; () without pruning."""
    if not search.pruning:
        return ()
    steps = {search.trial_steps // search.reduction**k for k in range(1, RUNGS + 1)}
    return tuple(sorted(s for s in steps if 0 < s < search.trial_steps))


def should_stop(values: Mapping[str, float], others: Iterable[Mapping[str, float]], search: SearchOptions) -> bool:
    """Whether a trial with these ``values`` at a rung is to be stopped; ``others``: those of earlier trials there.

    Values that are not numbers (a diverged training) are hopeless.
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
