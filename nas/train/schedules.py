"""Learning rate as a pure function of the step: nothing to save, nothing to fall out of step on resume."""

from __future__ import annotations

import math

from nas.config.training import ScheduleSettings


def learning_rate(schedule: ScheduleSettings, base: float, step: int, steps: int) -> float:
    """Rate of step (or epoch) ``step``, 0-based, of ``steps``.

    ``step``: base * gamma^((step + offset) // every). ``milestones``: gamma for each m <= step + offset.
    ``cosine``: from base down to ``minimum`` at the last step. ``cosine_after_warmup``: the same over the steps
    that follow the warm-up, where the minimum would be reached one step after the last (DSRIR).
    ``warmup`` multiplies by (step + 1) / warmup while that is below one.
    """
    rise = min(1.0, (step + 1) / schedule.warmup) if schedule.warmup else 1.0
    if schedule.name == "step":
        rate = base * schedule.gamma ** ((step + schedule.offset) // schedule.every)
    elif schedule.name == "milestones":
        rate = base * schedule.gamma ** sum(m <= step + schedule.offset for m in schedule.milestones)
    elif schedule.name in ("cosine", "cosine_after_warmup"):
        if schedule.name == "cosine":
            share = step / max(steps - 1, 1)
        else:
            share = max(step - schedule.warmup, 0) / max(steps - schedule.warmup, 1)
        low = min(schedule.minimum, base)
        rate = low + (base - low) * 0.5 * (1 + math.cos(math.pi * share))
    else:
        rate = base
    return rise * rate
