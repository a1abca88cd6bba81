"""Learning rate as a pure function of the step: nothing to save, nothing to fall out of step on resume."""

from __future__ import annotations

import math

from nas.config import ScheduleSettings


def learning_rate(schedule: ScheduleSettings, base: float, step: int, steps: int) -> float:
    """Rate of step ``step`` (0-based) of ``steps``.

    ``step``: base * gamma^(step // every). ``cosine``: from base down to ``minimum`` at the last step.
    ``warmup`` multiplies by (step + 1) / warmup while that is below one.
    """
    rise = min(1.0, (step + 1) / schedule.warmup) if schedule.warmup else 1.0
    if schedule.name == "step":
        rate = base * schedule.gamma ** (step // schedule.every)
    elif schedule.name == "cosine":
        share = step / max(steps - 1, 1)
        low = min(schedule.minimum, base)
        rate = low + (base - low) * 0.5 * (1 + math.cos(math.pi * share))
    else:
        rate = base
    return rise * rate
