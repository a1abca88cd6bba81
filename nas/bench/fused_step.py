"""A search step in the forms of the supernet, plain, fused and compiled: time, memory and launched operations."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from nas.bench.device import device_name
from nas.bench.search_step import random_batch
from nas.config.owners import with_strategy
from nas.config.runs import SearchSettings
from nas.engines.setup import settled, space_of
from nas.errors import UsageError
from nas.profiling.process_memory import own_peak_mib
from nas.progress import Progress
from nas.registry import STRATEGIES, load_plugins
from nas.tasks import get_task
from nas.train.losses import pixel_loss
from nas.train.network_learner import place

#: what --order may say -> the settings of the strategy; "weights" is a step of the weights alone
ORDERS: dict[str, dict[str, str]] = {
    "weights": {},
    "first": {"order": "first"},
    "second": {"order": "second", "second_order": "exact"},
    "difference": {"order": "second", "second_order": "difference"},
}
#: name of a form -> the settings of the strategy
FORMS: dict[str, dict[str, bool]] = {
    "plain": {"fused": False, "native": False},
    "fused": {"fused": True, "native": False},
    "compiled": {"fused": True, "native": True},
}


@dataclass(frozen=True)
class FormFigures:
    """What a search step costs in one form.

    Attributes:
        cpu_seconds: Median processor time of a step, in seconds.
        wall_seconds: Median of the time on the clock, likewise.
        peak_mib: Peak memory of a process that does two steps, in MiB: resident on the CPU, allocated on CUDA.
        own_mib: That without what the process has after its imports.
        launches: Operations of a step that compute something (views of tensors are not counted).
    """

    cpu_seconds: float
    wall_seconds: float
    peak_mib: float
    own_mib: float
    launches: int


@dataclass(frozen=True)
class Ratio:
    """The plain form over another one.

    Attributes:
        ratio: Of processor times, median over the rounds.
        low: Lower quartile of that ratio.
        high: Upper quartile.
        wall_ratio: The median ratio of the times on the clock.
        memory_ratio: ``own_mib`` of the other form over plain.
    """

    ratio: float
    low: float
    high: float
    wall_ratio: float
    memory_ratio: float


@dataclass(frozen=True)
class FormComparison:
    """The plain form against the others.

    Attributes:
        plain: Figures of the plain form.
        fused: Figures of the fused form with gates of torch.
        compiled: Figures of the fused form with compiled gates; None where these cannot be had.
        ratio: That of the form which a search takes: with compiled gates if they can be had (``Ratio``).
        low: Likewise.
        high: Likewise.
        wall_ratio: Likewise.
        memory_ratio: Likewise.
        ratios: Name of a form -> its ratios.
        form: The form that a search takes, and why.
        rounds: Rounds that were counted.
        order: What a step does, see ``ORDERS``.
        device: The name of the device.
    """

    plain: FormFigures
    fused: FormFigures
    compiled: FormFigures | None
    ratio: float
    low: float
    high: float
    wall_ratio: float
    memory_ratio: float
    ratios: dict[str, Ratio]
    form: str
    rounds: int
    order: str
    device: str


def compare_forms(
    settings: SearchSettings,
    order: str = "first",
    rounds: int = 5,
    progress: Progress | None = None,
    clocks: tuple[Callable[[], float], Callable[[], float]] = (time.process_time, time.perf_counter),
) -> FormComparison:
    """Do search steps on random data, the forms in turns in one process, and each once more in a process of its own.

    Args:
        settings: Strategy, space, task, batch, patch, device and threads.
        order: What a step does, see ``ORDERS``.
        rounds: Rounds that are counted; one more is done first, to warm up. Every second one goes through the forms
            in reverse.
        progress: Advanced after every round.
        clocks: Give the processor time and the time on the clock, in seconds.

    Raises:
        UsageError: The order is unknown, or the strategy trains no supernet.
    """
    if order not in ORDERS:
        raise UsageError(f"--order {order!r} is unknown; choose one of {', '.join(ORDERS)}")
    _, [form] = settled(with_strategy(settings, settings.strategy, fused=True))
    names = [name for name in FORMS if name != "compiled" or form.endswith("compiled gates")]
    steps = {name: _step(settings, order, name) for name in names}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    for turn in range(rounds + 1):
        for name in reversed(names) if turn % 2 else names:
            before = [clock() for clock in clocks]
            steps[name]()
            if settings.device.startswith("cuda"):
                torch.cuda.synchronize()
            passed = [clock() - start for clock, start in zip(clocks, before, strict=True)]
            if turn:
                times[name].append((passed[0], passed[1]))
        if progress is not None:
            progress.advance()
    figures = {}
    for name, step in steps.items():
        cpu, wall = (statistics.median(t[i] for t in times[name]) for i in (0, 1))
        peak, own = peak_memory(settings, order, name)
        figures[name] = FormFigures(cpu, wall, peak, own, _launches(step))
    ratios = {name: _ratio(times, figures, name) for name in names[1:]}
    return FormComparison(
        figures["plain"],
        figures["fused"],
        figures.get("compiled"),
        **asdict(ratios[names[-1]]),
        ratios=ratios,
        form=form.removeprefix("supernet: "),
        rounds=rounds,
        order=order,
        device=device_name(settings.device),
    )


def _ratio(times: dict[str, list[tuple[float, float]]], figures: dict[str, FormFigures], name: str) -> Ratio:
    cpu, wall = ([p[i] / f[i] for p, f in zip(times["plain"], times[name], strict=True)] for i in (0, 1))
    low, middle, high = statistics.quantiles(cpu, n=4, method="inclusive") if len(cpu) > 1 else cpu * 3
    return Ratio(middle, low, high, statistics.median(wall), figures[name].own_mib / figures["plain"].own_mib)


def _step(settings: SearchSettings, order: str, form: str) -> Callable[[], Any]:
    """A search step of one form, to be called again and again."""
    load_plugins(settings.plugins)
    if not STRATEGIES.get(settings.strategy).differentiable:
        raise UsageError(f"strategy {settings.strategy!r} trains no supernet, so it has no search step to time")
    chosen = with_strategy(settings, settings.strategy, **FORMS[form], **ORDERS[order])
    torch.manual_seed(settings.seed)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    task = get_task(settings.task)
    strategy = STRATEGIES.get(settings.strategy)(chosen.search, chosen.train)
    memory = torch.channels_last if settings.train.channels_last else torch.contiguous_format
    supernet = place(space_of(settings).supernet(task, **strategy.supernet_options()), settings.device, memory)
    strategy.prepare(supernet, lambda forward, pair: pixel_loss("l1", forward(pair[0]), pair[1]))
    degraded, target = random_batch(settings, task)
    batch = (degraded.to(settings.device, memory_format=memory), target.to(settings.device))
    return lambda: strategy.step(supernet, batch, None if order == "weights" else batch)


class _Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the operations that compute something; views of tensors do not."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        aliases = [r.alias_info for r in func._schema.returns]
        view = bool(aliases) and all(a is not None and not a.is_write for a in aliases)
        self.count += not view and "_unsafe_view" not in str(func)
        return func(*args, **(kwargs or {}))


def _launches(step: Callable[[], Any]) -> int:
    with _Counter() as counter:
        step()
    return int(counter.count)


def peak_memory(settings: SearchSettings, order: str, form: str) -> tuple[float, float]:
    """Peak memory of a process that does two steps, in MiB: the whole, and without what it has after its imports."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_measured_peak, settings, order, form).result()


def _measured_peak(settings: SearchSettings, order: str, form: str) -> tuple[float, float]:
    # what every process has, whatever it computes: torch with a first use of its convolutions
    torch.nn.functional.conv2d(torch.rand(1, 4, 8, 8), torch.rand(4, 4, 3, 3))
    before = own_peak_mib()
    step = _step(settings, order, form)
    step()
    step()
    if settings.device.startswith("cuda"):
        peak = torch.cuda.max_memory_allocated() / 2**20
        return peak, peak
    peak = own_peak_mib()
    return peak, peak - before
