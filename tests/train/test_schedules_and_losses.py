"""Learning rates and losses at the points where their value is known."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from nas.config.training import ScheduleSettings
from nas.errors import UsageError
from nas.train.losses import pixel_loss, task_criterion
from nas.train.schedules import learning_rate


def test_step_schedule_halves_at_every_multiple() -> None:
    schedule = ScheduleSettings(name="step", every=10, gamma=0.5)
    assert [learning_rate(schedule, 1.0, s, 100) for s in (0, 9, 10, 19, 20)] == [1.0, 1.0, 0.5, 0.5, 0.25]


def test_cosine_schedule_goes_from_base_to_minimum() -> None:
    schedule = ScheduleSettings(name="cosine", minimum=1e-6)
    assert learning_rate(schedule, 1e-3, 0, 101) == pytest.approx(1e-3)
    assert learning_rate(schedule, 1e-3, 50, 101) == pytest.approx((1e-3 + 1e-6) / 2)
    assert learning_rate(schedule, 1e-3, 100, 101) == pytest.approx(1e-6)


def test_cosine_schedule_never_rises() -> None:
    rates = [learning_rate(ScheduleSettings(), 1e-3, s, 50) for s in range(50)]
    assert all(a >= b for a, b in pairwise(rates))


def test_warmup_rises_linearly() -> None:
    schedule = ScheduleSettings(name="constant", warmup=4)
    assert [learning_rate(schedule, 1.0, s, 10) for s in range(5)] == [0.25, 0.5, 0.75, 1.0, 1.0]


@pytest.mark.parametrize(("name", "value"), [("l1", 2.0), ("l2", 4.0), ("charbonnier", (4 + 0.255**2) ** 0.5)])
def test_losses_of_a_constant_difference(name: str, value: float) -> None:
    output, target = torch.full((1, 3, 4, 4), 7.0), torch.full((1, 3, 4, 4), 5.0)
    assert float(pixel_loss(name, output, target)) == pytest.approx(value)


def test_an_unknown_loss_is_wrong_use() -> None:
    with pytest.raises(UsageError, match="l1, l2"):
        pixel_loss("l3", torch.zeros(1), torch.zeros(1))


def test_the_loss_is_reported_on_0_255_whatever_the_models_range() -> None:
    small, large = task_criterion("l1", 1.0), task_criterion("l1", 255.0)
    output, target = torch.rand(1, 3, 4, 4), torch.rand(1, 3, 4, 4)
    unit, _ = small({"restored": output}, target, target, 0)
    full, _ = large(output * 255, target, target * 255, 0)
    assert float(unit) == pytest.approx(float(full), rel=1e-5)


def test_restarts_fall_to_the_minimum_and_begin_anew_after_the_warm_up() -> None:
    schedule = ScheduleSettings(name="cosine_restarts", every=5, lengthen=2, peak=0.5, minimum=1e-5, warmup=2)
    rates = [learning_rate(schedule, 1e-2, step, 40) for step in range(40)]
    assert rates[:2] == pytest.approx([5e-3, 1e-2])  # the rise
    cycles = [rates[2:7], rates[7:17], rates[17:37]]
    for cycle, peak in zip(cycles, (1e-2, 5e-3, 2.5e-3), strict=True):
        assert cycle[0] == pytest.approx(peak) and cycle[-1] == pytest.approx(1e-5)
        assert cycle == sorted(cycle, reverse=True)
    assert rates[37] == pytest.approx(1.25e-3)


def test_restarts_of_one_cycle_are_the_cosine() -> None:
    one, whole = ScheduleSettings(name="cosine_restarts", every=9), ScheduleSettings(name="cosine")
    assert [learning_rate(one, 1.0, s, 9) for s in range(9)] == [learning_rate(whole, 1.0, s, 9) for s in range(9)]
