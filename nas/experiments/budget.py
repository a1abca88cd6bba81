"""The cost of a search, measured before it starts: CPU seconds and multiply-adds of a step on this machine.

The cost turns a budget in seconds into a number of steps or trials, once for all seeds, so that the searches depend on
nothing but their seed and can be resumed exactly. A few steps are run on copies that are thrown away. Multiply-adds are
those of forward and backward passes together: half of what torch's flop counter says.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from nas.config.runs import SearchSettings
from nas.engines.setup import SHARES, settled, space_of, use_threads
from nas.errors import UsageError
from nas.experiments.cpu_time import cpu_seconds
from nas.registry import STRATEGIES, load_plugins
from nas.tasks import get_task
from nas.train.losses import pixel_loss, task_criterion
from nas.train.network_learner import NetworkLearner
from nas.train.state import random_state, restore_random_state, seed_everything
from nas.train.training_data import check_settings, open_training_data

#: fewest trials among which a random search can choose
LEAST_TRIALS = 2


@dataclass(frozen=True)
class Cost:
    """The cost of one step or trial of a search.

    Attributes:
        unit: "step" or "trial".
        seconds: CPU seconds of a step that updates the architecture, or of a trial with its validation.
        multiply_adds: Multiply-adds of the same, forward and backward.
        warmup_seconds: CPU seconds of a step during warm-up; 0 for trials.
        warmup_multiply_adds: Multiply-adds of a step during warm-up; 0 for trials.
        validation_seconds: CPU seconds of one validation (for a supernet: mixed and discretised).
    """

    unit: str
    seconds: float
    multiply_adds: float
    warmup_seconds: float = 0.0
    warmup_multiply_adds: float = 0.0
    validation_seconds: float = 0.0


@dataclass(frozen=True)
class Budget:
    """The size and estimated cost of one whole search.

    Attributes:
        steps: Training steps of a gradient strategy; 0 for trials.
        trials: Trials of a strategy without gradients; 0 for steps.
        seconds: CPU seconds.
        multiply_adds: Multiply-adds, forward and backward; 0 where unknown.
    """

    steps: int
    trials: int
    seconds: float
    multiply_adds: float


def measure_cost(settings: SearchSettings, repeats: int = 3, clock: Callable[[], float] = cpu_seconds) -> Cost:
    """Measure the cost of one step or trial; the global random state is left as it was.

    Args:
        settings: Settings of the search.
        repeats: Steps or trials to time, after one step that is not timed.
        clock: Returns CPU seconds since any moment.

    Returns:
        The cost: the median over steps, the mean over trials.
    """
    load_plugins(settings.plugins)
    use_threads(settings)
    before = random_state()
    seed_everything(settings.seed)
    try:
        return (_step_cost if is_differentiable(settings) else _trial_cost)(settings, repeats, clock)
    finally:
        restore_random_state(before)


def is_differentiable(settings: SearchSettings) -> bool:
    """Whether the strategy trains a supernet by gradients."""
    return bool(STRATEGIES.get(settings.strategy).differentiable)


def _step_cost(settings: SearchSettings, repeats: int, clock: Callable[[], float]) -> Cost:
    task = get_task(settings.task)
    check_settings(settings, task)
    settings, _ = settled(settings)
    strategy = STRATEGIES.get(settings.strategy)(settings.search, settings.train)
    memory: Any = torch.channels_last if settings.train.channels_last else torch.contiguous_format
    supernet = space_of(settings).supernet(task, **strategy.supernet_options())
    supernet = supernet.to(device=settings.device, memory_format=memory)
    strategy.prepare(supernet, lambda forward, b: pixel_loss(settings.train.loss, forward(b[0]).float(), b[1]))
    data = open_training_data(settings, task, SHARES)
    weights, search = data.batches("weights")(0), data.batches("architecture")(0)

    def batch(stream: Any) -> Any:
        degraded, target = next(stream)
        return degraded.to(settings.device, memory_format=memory), target.to(settings.device)

    def warmup_step() -> None:
        strategy.step(supernet, batch(weights), None)

    def full_step() -> None:
        strategy.step(supernet, batch(weights), batch(search))

    seconds, operations = _timed(full_step, repeats, clock)
    warm_seconds, warm_operations = _timed(warmup_step, repeats, clock)

    def report() -> None:
        data.validate(supernet)
        with supernet.discretised():
            data.validate(supernet)

    start = clock()
    report()
    return Cost("step", seconds, operations, warm_seconds, warm_operations, clock() - start)


def _trial_cost(settings: SearchSettings, repeats: int, clock: Callable[[], float]) -> Cost:
    task, space = get_task(settings.task), space_of(settings)
    check_settings(settings, task)
    data = open_training_data(settings, task, SHARES)
    steps = settings.search.trial_steps * STRATEGIES.get(settings.strategy).trial_share(settings.search)
    whole, operations, validation = [], [], []
    for seed in range(repeats):
        start = clock()
        model = space.network(space.sample(settings.seed + seed), task)
        learner = NetworkLearner(
            model,
            task_criterion(settings.train.loss, model.descriptor.value_range),
            data.batches("weights"),
            settings.train,
            settings.device,
            data.validate,
        )
        learner.begin(0)
        building = clock() - start
        step, count = _timed(partial(learner.step, 0), 2, clock)
        start = clock()
        learner.validate(0)
        validation.append(clock() - start)
        whole.append(building + steps * step + validation[-1])
        operations.append(steps * count)
    return Cost(
        "trial",
        statistics.mean(whole),
        statistics.mean(operations),
        validation_seconds=statistics.mean(validation),
    )


def _timed(work: Callable[[], object], repeats: int, clock: Callable[[], float]) -> tuple[float, float]:
    """Median seconds and multiply-adds of ``work``; the call that counts the latter is not timed."""
    with _FlopCounter() as counter:
        work()
    seconds = []
    for _ in range(repeats):
        start = clock()
        work()
        seconds.append(clock() - start)
    return statistics.median(seconds), counter.flops / 2


class _FlopCounter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Torch's formulas without its module tracker, whose hooks do not work with ``torch.autograd.grad``."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.flops = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        formula = flop_registry.get(func._overloadpacket)
        if formula is not None:
            self.flops += int(formula(*args, **(kwargs or {}), out_val=out))
        return out


def cost_of(settings: SearchSettings, cost: Cost) -> Budget:
    """Estimate the cost of a whole search, validations included.

    Args:
        settings: Settings of the search, with its steps or trials.
        cost: Measured cost of one of them.

    Returns:
        The size and cost of the search.
    """
    if cost.unit == "trial":
        trials = settings.search.trials
        if trials == 1:  # a single trial is not trained
            return Budget(0, 1, 0.0, 0.0)
        return Budget(0, trials, trials * cost.seconds, trials * cost.multiply_adds)
    steps = settings.train.steps
    warm = min(round(settings.search.own(STRATEGIES.get(settings.strategy).Settings).warmup * steps), steps)
    reports = math.ceil(steps / settings.train.validate_every)
    return Budget(
        steps,
        0,
        warm * cost.warmup_seconds + (steps - warm) * cost.seconds + reports * cost.validation_seconds,
        warm * cost.warmup_multiply_adds + (steps - warm) * cost.multiply_adds,
    )


def fit_to_budget(settings: SearchSettings, cost: Cost, seconds: float) -> SearchSettings:
    """Give a search the most steps or trials that cost no more than ``seconds``.

    Args:
        settings: Settings of the search.
        cost: Measured cost of one step or trial.
        seconds: CPU seconds of the whole search.

    Returns:
        The settings with as many steps or trials as fit; where two trials cost more, their training is shortened.

    Raises:
        UsageError: The budget does not pay for one step, or for two trials of one step.
    """
    if cost.unit == "trial":
        trials = int(seconds / cost.seconds)
        if trials >= LEAST_TRIALS:
            return with_search(settings, trials=trials)
        fixed = cost.validation_seconds
        steps = int((seconds / LEAST_TRIALS - fixed) / ((cost.seconds - fixed) / settings.search.trial_steps))
        if steps < 1:
            raise _too_small(settings, seconds)
        return with_search(settings, trials=LEAST_TRIALS, trial_steps=steps)
    low, high = 0, max(1, int(seconds / max(min(cost.warmup_seconds, cost.seconds), 1e-9)) + 1)
    while low < high:  # the cost grows with the steps
        middle = (low + high + 1) // 2
        train = settings.train.model_copy(update={"steps": middle})
        if cost_of(settings.model_copy(update={"train": train}), cost).seconds <= seconds:
            low = middle
        else:
            high = middle - 1
    if low < 1:
        raise _too_small(settings, seconds)
    return settings.model_copy(update={"train": settings.train.model_copy(update={"steps": low})})


def rescaled(cost: Cost, before: int, after: int) -> Cost:
    """The cost of a trial trained for ``after`` steps, given that of one trained for ``before``."""
    share = after / before
    training = (cost.seconds - cost.validation_seconds) * share
    return replace(cost, seconds=training + cost.validation_seconds, multiply_adds=cost.multiply_adds * share)


def with_search(settings: SearchSettings, **changes: Any) -> SearchSettings:
    """The same settings with entries of ``search`` replaced."""
    return settings.model_copy(update={"search": settings.search.model_copy(update=changes)})


def _too_small(settings: SearchSettings, seconds: float) -> UsageError:
    return UsageError(
        f"a budget of {seconds:.1f} CPU seconds does not pay for the smallest search by {settings.strategy!r}; raise "
        "--time or --steps, or lower data.batch, data.patch or data.validation"
    )
