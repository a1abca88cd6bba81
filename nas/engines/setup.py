"""What every engine makes of the settings of a search: its space, its costs, the number of threads."""

from __future__ import annotations

import torch

from nas.config.runs import SearchSettings
from nas.errors import NasError
from nas.objectives.costs import GenotypeCosts
from nas.objectives.objectives import objectives_of, quality_of
from nas.objectives.optimum import require_feasible
from nas.profiling.latency_table import LatencyTable
from nas.space import Space, load_space
from nas.tasks import Task, get_task

#: share of the training images that train weights and architecture: disjoint halves
SHARES = {"weights": 0.5, "architecture": 0.5}


def space_of(settings: SearchSettings) -> Space:
    """The space of a search, preset and overrides applied."""
    return load_space(settings.space, preset=settings.preset, overrides=settings.overrides)


def use_threads(settings: SearchSettings) -> None:
    """Let torch use as many CPU threads as the settings say; 0 leaves its own choice."""
    if settings.threads:
        torch.set_num_threads(settings.threads)


def constraint_costs(space: Space, settings: SearchSettings) -> GenotypeCosts | None:
    """The costs that the limits are about, or None without a limit.

    Raises:
        NasError: No genotype of the space can keep the limits.
    """
    limits = settings.limits
    if not limits.given:
        return None
    costs = GenotypeCosts(space, get_task(settings.task), _latency_table(settings))
    require_feasible(space, costs, limits)
    return costs


def trial_costs(settings: SearchSettings, space: Space, task: Task) -> GenotypeCosts | None:
    """The costs that limits, objectives and ties are judged by; latency among them with ``limits.latency_table``.

    Returns:
        None for a space whose costs are no sum over its blocks, if nothing but ties would need them.

    Raises:
        UsageError: A limit or an objective of latency has no table.
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
