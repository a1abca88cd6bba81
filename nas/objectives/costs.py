"""What a genotype costs, by adding up what its blocks cost: exact, and hundreds of times faster than building it.

A derived network is a fixed part and one block an edge, repeated over the cells, so parameters and multiply-adds
are sums. Each (edge, block) is counted once, by itself at the size that it has in the network; the fixed part is what
remains of one whole network. A second whole network checks the sum. Where a skeleton does not say where its blocks
are (``sites``), the blocks are exchanged one at a time in whole networks instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import torch

from nas.config.search import LimitSettings
from nas.errors import NasError, UsageError
from nas.profiling.costs import costs_for_task, count_costs
from nas.profiling.latency_table import LatencyTable
from nas.space import Genotype, Space
from nas.space.blocks import BLOCKS, SKELETONS
from nas.tasks import Task

#: cell name -> for each edge, block name -> share
Shares = dict[str, list[dict[str, float]]]
#: what is counted; "latency" comes from a table
COUNTED = ("params", "macs")
METRICS = (*COUNTED, "latency")


class GenotypeCosts:
    """Costs of the genotypes of ``space`` in networks for ``task``, at the task's cost output size.

    The costs are ``params``, all parameters; ``macs``, multiply-adds of one image (convolutions and matrix products,
    as in evaluation rows); and ``latency``, milliseconds, which only a latency table gives.

    Args:
        space: The space of the genotypes, with its width and depth.
        task: Fixes the output size at which multiply-adds are counted.
        latency_table: Measured blocks of this space and task.

    Raises:
        UsageError: The table was measured for other networks.
        NasError: The costs of this skeleton are not the sum of its blocks' costs.
    """

    def __init__(self, space: Space, task: Task, latency_table: LatencyTable | None = None) -> None:
        self.space, self.task, self.table = space, task, latency_table
        counted, bases = _counted(space, task)
        self._shares: dict[str, Shares] = dict(counted)
        self._bases: dict[str, float] = dict(bases)
        self._others: dict[str, GenotypeCosts] = {}
        if latency_table is not None:
            latency_table.check(space, task)
            self._shares["latency"] = latency_table.per_choice(space)
            self._bases["latency"] = latency_table.base_ms

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of the costs that are known here."""
        return tuple(self._bases)

    def base(self, metric: str) -> float:
        """What every network of the space costs without its blocks."""
        return self._bases[self._known(metric)]

    def per_choice(self, metric: str) -> Shares:
        """What each block adds to the network, all repetitions of its cell together.

        Returns:
            Cell name -> for each edge, selectable block -> cost.
        """
        return self._shares[self._known(metric)]

    def rows(self, metric: str) -> list[dict[str, float]]:
        """``per_choice`` in the order of ``Space.decisions``: for each decision, choice -> cost."""
        shares = self.per_choice(metric)
        left = {cell: iter(shares[cell]) for cell in self.space.cells}
        return [next(left[decision.cell]) for decision in self.space.decisions]

    def of(self, genotype: Genotype) -> dict[str, float]:
        """What the derived network of a genotype costs.

        Args:
            genotype: Of this space; one with another width or depth is counted with its own.

        Returns:
            Metric -> cost, for each of ``metrics``.
        """
        settings = self.space.network_settings.model_dump(exclude_none=True)
        if genotype.network and {**settings, **genotype.network} != settings:
            other = self.space.with_network(genotype.network)
            if other.hash not in self._others:
                self._others[other.hash] = GenotypeCosts(other, self.task, self.table)
            return self._others[other.hash]._sum(genotype)
        return self._sum(genotype)

    def _sum(self, genotype: Genotype) -> dict[str, float]:
        return {
            metric: base
            + sum(
                row[choice.block]
                for cell, choices in genotype.cells.items()
                for row, choice in zip(self._shares[metric][cell], choices, strict=True)
            )
            for metric, base in self._bases.items()
        }

    def violations(self, genotype: Genotype, limits: LimitSettings) -> dict[str, float]:
        """By how much a genotype exceeds each limit that is set.

        Returns:
            Metric -> cost / limit - 1; at most 0 where the limit is kept.
        """
        costs, bounds = self.of(genotype), self.bounds(limits)
        return {metric: costs[metric] / bound - 1 for metric, bound in bounds.items()}

    def within(self, genotype: Genotype, limits: LimitSettings) -> bool:
        """Whether a genotype keeps every limit that is set."""
        return all(excess <= 0 for excess in self.violations(genotype, limits).values())

    def bounds(self, limits: LimitSettings) -> dict[str, float]:
        """The limits that are set, by metric.

        Raises:
            UsageError: The latency is limited and there is no latency table.
        """
        found = {m: float(v) for m in METRICS if (v := getattr(limits, m)) is not None}
        for metric in found:
            self._known(metric)
        return found

    def _known(self, metric: str) -> str:
        if metric not in self._bases:
            if metric == "latency":
                raise UsageError(
                    "a limit or objective of latency needs measured blocks; make a table with "
                    "'nas profile --latency-table FILE' and give it as --latency-table FILE"
                )
            raise UsageError(f"unknown cost {metric!r}; known are {', '.join(METRICS)}")
        return metric


@lru_cache(maxsize=32)
def _counted(space: Space, task: Task) -> tuple[dict[str, Shares], dict[str, float]]:
    with torch.random.fork_rng(devices=[]):  # building networks draws random numbers, and no run may depend on that
        return _count_all(space, task)


def _count_all(space: Space, task: Task) -> tuple[dict[str, Shares], dict[str, float]]:
    first = [0] * len(space.decisions)
    last = [len(d.choices) - 1 for d in space.decisions]
    whole = _whole(space, task, first)
    if hasattr(SKELETONS.get(space.skeleton), "sites"):
        shares = _alone(space, task)
    else:
        shares = _exchanged(space, task, first, whole)
    bases = {m: whole[m] - _sum_of(space, shares[m], first) for m in COUNTED}
    found = _whole(space, task, last)
    for metric in COUNTED:
        predicted = bases[metric] + _sum_of(space, shares[metric], last)
        if predicted != found[metric]:
            raise NasError(
                f"the {metric} of space {space.name!r} are not the sum of its blocks' ({predicted:.0f} predicted, "
                f"{found[metric]:.0f} counted); its skeleton {space.skeleton!r} cannot be searched under limits"
            )
    return shares, bases


def _whole(space: Space, task: Task, vector: Sequence[int]) -> dict[str, float]:
    costs = costs_for_task(space.network(space.decode(vector), task), task)
    return {"params": float(costs.parameters), "macs": float(costs.multiply_adds_total)}


def _alone(space: Space, task: Task) -> dict[str, Shares]:
    """Every block counted by itself, at the size that the skeleton states."""
    height, width = task.cost_output
    sites = SKELETONS.get(space.skeleton).sites(space, height // task.scale, width // task.scale)
    seen: dict[tuple[object, ...], dict[str, float]] = {}
    shares: dict[str, Shares] = {m: {name: [] for name in space.cells} for m in COUNTED}
    for decision, site in zip(space.decisions, (s for name in space.cells for s in sites[name]), strict=True):
        role = space.cells[decision.cell].role
        row: dict[str, dict[str, float]] = {m: {} for m in COUNTED}
        for name in decision.choices:
            key = (role, name, site)
            if key not in seen:
                costs = count_costs(BLOCKS[role].get(name).build(site.channels), site.height, site.width, site.channels)
                seen[key] = {
                    "params": float(costs.parameters * site.repeats),
                    "macs": float(costs.multiply_adds_total * site.repeats),
                }
            for metric in COUNTED:
                row[metric][name] = seen[key][metric]
        for metric in COUNTED:
            shares[metric][decision.cell].append(row[metric])
    return shares


def _exchanged(space: Space, task: Task, first: list[int], whole: Mapping[str, float]) -> dict[str, Shares]:
    """The difference that each block makes to the network of all first choices, whose own shares are zero by that."""
    shares: dict[str, Shares] = {m: {name: [] for name in space.cells} for m in COUNTED}
    for i, decision in enumerate(space.decisions):
        counted = [_whole(space, task, [*first[:i], k, *first[i + 1 :]]) for k in range(len(decision.choices))]
        for metric in COUNTED:
            row = {name: c[metric] - whole[metric] for name, c in zip(decision.choices, counted, strict=True)}
            shares[metric][decision.cell].append(row)
    return shares


def _sum_of(space: Space, shares: Shares, vector: Sequence[int]) -> float:
    position = dict.fromkeys(space.cells, 0)
    total = 0.0
    for decision, index in zip(space.decisions, vector, strict=True):
        total += shares[decision.cell][position[decision.cell]][decision.choices[index]]
        position[decision.cell] += 1
    return total
