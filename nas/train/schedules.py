"""The learning rate as a pure function of the step, so that a resumed run has nothing to restore."""

from __future__ import annotations

import math

from nas.config.training import ScheduleSettings


def learning_rate(schedule: ScheduleSettings, base: float, step: int, steps: int) -> float:
    """The learning rate of one step (or epoch).

    The schedule ``step`` gives base * gamma^((step + offset) // every), ``milestones`` a factor gamma for each
    milestone m <= step + offset, ``cosine`` a fall from base to ``minimum`` at the last step, and
    ``cosine_after_warmup`` the same over the steps that follow the warm-up, where the minimum would be reached one step
    after the last (DSRIR). ``cosine_restarts`` falls from base to ``minimum`` in each cycle after the warm-up: the
    first lasts ``every`` steps, each other one ``lengthen`` times as long as the one before, and begins at ``peak``
    times its first rate (Loshchilov and Hutter, "SGDR", ICLR 2017). ``warmup`` multiplies by (step + 1) / warmup while
    that is below one.

    Args:
        schedule: Its settings.
        base: The rate that it scales.
        step: Which step, counted from 0.
        steps: How many there are.
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
        rate = _cosine(base, schedule.minimum, share)
    elif schedule.name == "cosine_restarts":
        cycle, share = _cycle(schedule, max(step - schedule.warmup, 0))
        rate = _cosine(base * schedule.peak**cycle, schedule.minimum, share)
    else:
        rate = base
    return rise * rate


def _cosine(high: float, minimum: float, share: float) -> float:
    low = min(minimum, high)
    return low + (high - low) * 0.5 * (1 + math.cos(math.pi * share))


def _cycle(schedule: ScheduleSettings, step: int) -> tuple[int, float]:
    """The cycle of a step, counted from 0, and the share of it that is over, which is 1 at its last step."""
    cycle, length = 0, schedule.every
    while step >= length:
        step -= length
        cycle += 1
        length = round(schedule.every * schedule.lengthen**cycle)
    return cycle, step / max(length - 1, 1)
