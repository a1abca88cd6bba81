"""What a search costs, measured before it starts: CPU seconds and multiply-adds of a step, on this machine.

With these a budget in seconds becomes a number of steps or trials, once and for all seeds, so that the searches
themselves depend on nothing but their seed and can be resumed exactly. A few steps are run on copies that are
thrown away. Multiply-adds are those of forward and backward passes together, by torch's flop counter halved.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from nas.config.runs import SearchSettings
from nas.engines.setup import SHARES, space_of
from nas.errors import UsageError
from nas.experiments.cpu_time import cpu_seconds
from nas.registry import STRATEGIES, load_plugins
from nas.tasks import get_task
from nas.train.losses import pixel_loss, task_criterion
from nas.train.network_learner import NetworkLearner
from nas.train.state import random_state, restore_random_state, seed_everything
from nas.train.training_data import check_settings, open_training_data

#: fewest trials that a random search needs to choose anything
LEAST_TRIALS = 2


@dataclass(frozen=True)
class Cost:
    """Of one unit of search: CPU seconds and multiply-adds. ``unit`` is "step" or "trial".

    seconds, multiply_adds: of a step that moves the architecture, or of a trial with its validation;
    warmup_seconds, warmup_multiply_adds: of a step during warm-up; validation_seconds: of one report.
    """

    unit: str
    seconds: float
    multiply_adds: float
    warmup_seconds: float = 0.0
    warmup_multiply_adds: float = 0.0
    validation_seconds: float = 0.0


@dataclass(frozen=True)
class Budget:
    """The cost of one whole search, as calibrated."""

    steps: int
    trials: int
    seconds: float
    multiply_adds: float


def measure_cost(settings: SearchSettings, repeats: int = 3, clock: Callable[[], float] = cpu_seconds) -> Cost:
    """Run ``repeats`` units of this search (after one that warms up) and take the median of what ``clock`` says."""
    load_plugins(settings.plugins)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    before = random_state()
    seed_everything(settings.seed)
    try:
        return (_steps if is_differentiable(settings) else _trials)(settings, repeats, clock)
    finally:
        restore_random_state(before)


def is_differentiable(settings: SearchSettings) -> bool:
    """Whether the strategy moves a supernet by gradients."""
    return bool(STRATEGIES.get(settings.strategy).differentiable)


def _steps(settings: SearchSettings, repeats: int, clock: Callable[[], float]) -> Cost:
    task = get_task(settings.task)
    check_settings(settings, task)
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

    def warm() -> None:
        strategy.step(supernet, batch(weights), None)

    def both() -> None:
        strategy.step(supernet, batch(weights), batch(search))

    seconds, operations = _timed(both, repeats, clock)
    warm_seconds, warm_operations = _timed(warm, repeats, clock)

    def report() -> None:
        data.validate(supernet)
        with supernet.discretised():
            data.validate(supernet)

    start = clock()
    report()
    return Cost("step", seconds, operations, warm_seconds, warm_operations, clock() - start)


def _trials(settings: SearchSettings, repeats: int, clock: Callable[[], float]) -> Cost:
    task, space = get_task(settings.task), space_of(settings)
    check_settings(settings, task)
    data = open_training_data(settings, task, SHARES)
    steps, whole, operations, validation = settings.search.trial_steps, [], [], []
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
        step, count = _timed(lambda learner=learner: learner.step(0), 2, clock)  # type: ignore[misc]
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
    """(median seconds, multiply-adds) of ``work``; the run under the counter warms up."""
    with _FlopCounter() as counter:
        work()
    seconds = []
    for _ in range(repeats):
        start = clock()
        work()
        seconds.append(clock() - start)
    return statistics.median(seconds), counter.flops / 2


class _FlopCounter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Torch's formulas without its module tracker, whose hooks refuse ``torch.autograd.grad``."""

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
    """What a search of these steps or trials costs, reports on the validation images included."""
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
    """The same search with the most steps, or trials, that cost no more than ``seconds``.

    Where two trials would already cost more, their training is shortened. UsageError when the budget does not
    pay for one step, or for two trials of one step.
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
    """The cost of a trial whose training takes ``after`` steps instead of ``before``."""
    share = after / before
    training = (cost.seconds - cost.validation_seconds) * share
    return replace(cost, seconds=training + cost.validation_seconds, multiply_adds=cost.multiply_adds * share)


def with_search(settings: SearchSettings, **changes: Any) -> SearchSettings:
    """The same settings with entries of ``search`` replaced."""
    return settings.model_copy(update={"search": settings.search.model_copy(update=changes)})


def _too_small(settings: SearchSettings, seconds: float) -> UsageError:
    return UsageError(
        f"a budget of {seconds:.1f} CPU seconds does not pay for the least search by {settings.strategy!r}; raise "
        "--time or --steps, or lower data.batch, data.patch or data.validation"
    )
