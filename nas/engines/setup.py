"""What every engine derives from the settings of a search: the space, the costs, the number of threads."""

from __future__ import annotations

import os

import torch

from nas.config.owners import with_strategy
from nas.config.runs import SearchSettings
from nas.config.search import LimitSettings
from nas.errors import NasError
from nas.machine import check_device, cores, usual_threads
from nas.objectives.costs import GenotypeCosts
from nas.objectives.objectives import objectives_of, quality_of
from nas.objectives.optimum import require_feasible
from nas.profiling.latency_table import LatencyTable
from nas.registry import STRATEGIES
from nas.space import Space, load_space
from nas.supernet.form import choose
from nas.tasks import Task, get_task
from nas.train.recorded import recorded_space
from nas.train.run import Run

#: share of the training images that train weights and architecture: disjoint halves
SHARES = {"weights": 0.5, "architecture": 0.5}


def space_of(settings: SearchSettings, run: Run | None = None) -> Space:
    """The space of a search, with preset and overrides applied; of a run that goes on it is the recorded one."""
    own = recorded_space(run.folder) if run is not None else None
    if own is not None:
        return own
    return load_space(settings.space, preset=settings.preset, overrides=settings.overrides)


def with_budget(settings: SearchSettings, space: Space) -> SearchSettings:
    """The settings with the limits of the space document, where they set none of their own.

    A limit of latency needs a latency table; without one it is left to whoever measures it.
    """
    table = settings.limits.latency_table
    own = {k: v for k, v in space.limits.items() if k != "latency" or table is not None}
    given = {k: v for k, v in settings.limits.model_dump().items() if v is not None}
    if not own or own.keys() <= given.keys():
        return settings
    return settings.model_copy(update={"limits": LimitSettings.model_validate({**own, **given})})


def use_threads(settings: SearchSettings) -> list[str]:
    """Set the number of CPU threads of torch, see ``nas.machine.usual_threads``.

    Returns:
        Sentences for the user: what was chosen where the settings leave it open.
    """
    available = cores()
    threads = usual_threads(settings.threads, available, os.environ)
    if threads:
        torch.set_num_threads(threads)
    if settings.threads or not threads:
        return []
    return [
        f"1 thread, since this machine has {available} core(s), where more slow a search down; --threads changes it"
    ]


def settled(settings: SearchSettings, *, begun: bool = False) -> tuple[SearchSettings, list[str]]:
    """The settings with the form in which the supernet is computed, which a run keeps to its end.

    Args:
        settings: A search by gradients.
        begun: It goes on, so that it has a form already.

    Returns:
        The settings, ``search.native`` no longer ``auto``; and a sentence for the user that names the form.

    Raises:
        NasError: Compiled gates are asked for, or were begun with, and cannot be had here.
    """
    own = settings.search.own(STRATEGIES.get(settings.strategy).Settings)
    native, fused = getattr(own, "native", False), getattr(own, "fused", False)
    try:
        form = choose(native, fused, check_device(settings.device), settings.train.bf16 or settings.train.fp16)
    except NasError as error:
        if begun:
            raise type(error)(f"this run was begun with compiled gates, to go on as it was: {error}") from None
        raise
    if native != form.native:
        settings = with_strategy(settings, settings.strategy, native=form.native)
    return settings, [f"supernet: {form.words}"]


def constraint_costs(space: Space, settings: SearchSettings) -> GenotypeCosts | None:
    """The costs of genotypes that the limits are about; None without limits.

    Raises:
        NasError: No genotype of the space keeps the limits.
    """
    limits = settings.limits
    if not limits.given:
        return None
    costs = GenotypeCosts(space, get_task(settings.task), _latency_table(settings))
    require_feasible(space, costs, limits)
    return costs


def trial_costs(settings: SearchSettings, space: Space, task: Task) -> GenotypeCosts | None:
    """The costs of genotypes for limits, objectives and ties, latency included if there is a latency table.

    Returns:
        None for a space whose costs are not a sum over its blocks, provided that only ties would need them.

    Raises:
        UsageError: A limit or an objective is latency, but there is no latency table.
    """
    wanted = [name for name in objectives_of(settings.search) if name != quality_of(settings.search)]
    table = _latency_table(settings)
    try:
        costs = GenotypeCosts(space, task, table)
    except NasError:
        if wanted or table is not None or settings.limits.given:
            raise
        return None
    for name in wanted:
        costs.base(name)
    return costs


def _latency_table(settings: SearchSettings) -> LatencyTable | None:
    path = settings.limits.latency_table
    return LatencyTable.load(path) if path is not None else None
