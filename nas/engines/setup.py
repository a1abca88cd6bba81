"""What engines build from the settings of a search."""

from __future__ import annotations

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


def costs_for_limits(space: Space, settings: SearchSettings) -> GenotypeCosts | None:
    """The costs that the limits are about, or None without a limit; NasError when no genotype can keep them."""
    limits = settings.limits
    if not any((limits.params, limits.macs, limits.latency)):
        return None
    table = LatencyTable.load(limits.latency_table) if limits.latency_table is not None else None
    costs = GenotypeCosts(space, get_task(settings.task), table)
    require_feasible(space, costs, limits)
    return costs


def costs_for(settings: SearchSettings, space: Space, task: Task) -> GenotypeCosts | None:
    """The costs that limits, objectives and ties are judged by; latency among them with ``limits.latency_table``.

    None for a space whose costs are no sum over its blocks, if nothing but ties would need them. Raises UsageError
    for a limit or objective of latency without a table.
    """
    limits = settings.limits
    table = LatencyTable.load(limits.latency_table) if limits.latency_table is not None else None
    wanted = [name for name in objectives_of(settings.search) if name != quality_of(settings.search)]
    try:
        costs = GenotypeCosts(space, task, table)
    except NasError:
        if wanted or table is not None or any((limits.params, limits.macs, limits.latency)):
            raise
        return None
    for name in wanted:
        costs.base(name)
    return costs
