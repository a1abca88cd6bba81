"""What a genotype costs, by adding up what its blocks cost: exact, and hundreds of times faster than building it.

A derived network is a fixed part and one block an edge, repeated over the cells, so parameters and multiply-adds
are sums. Each (edge, block) is counted once, by itself at the size that it has in the network; the fixed part is what
remains of one whole network. A second whole network checks the sum. Where a skeleton does not say where its blocks
are (``sites``), the blocks are exchanged one at a time in whole networks instead.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from itertools import islice, product, repeat

import torch

from nas.config.search import LimitSettings
from nas.errors import NasError, UsageError
from nas.profiling.costs import costs_for_task, count_costs
from nas.profiling.latency_table import LatencyTable
from nas.space import Genotype, Space
from nas.space.blocks import BLOCKS, SKELETONS
from nas.space.open_cells import kept_sets, live_edges
from nas.tasks import Task

#: cell name -> for each edge, block name -> share
Shares = dict[str, list[dict[str, float]]]
#: what was counted of one block at one place -> its costs
Counted = dict[tuple[object, ...], dict[str, float]]
#: combinations of kept edges of a cell that are looked at for the smallest cost
KEPT_SETS = 20_000
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
        self._others: dict[str, GenotypeCosts] = {}
        self._counted: Counted = {}
        self._shares: dict[str, Shares] = {}
        self._bases: dict[str, float] = {}
        if space.open_settings:  # each setting of the network has sums of its own, made when first needed
            if latency_table is not None:
                raise UsageError(
                    f"a latency table contains one network size, and {space.open_settings[0].name} of space "
                    f"{space.name!r} is open; fix it, or leave the table out"
                )
            self._bases = dict.fromkeys(COUNTED, 0.0)
            return
        self._take(*_counted(space, task))
        if latency_table is not None:
            latency_table.check(space, task)
            self._shares["latency"] = latency_table.per_choice(space)
            self._bases["latency"] = latency_table.base_ms

    def _take(self, shares: Mapping[str, Shares], bases: Mapping[str, float]) -> None:
        self._shares, self._bases = dict(shares), dict(bases)

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of the costs that are known here."""
        return tuple(self._bases)

    @property
    def additive(self) -> bool:
        """Whether costs are sums over decisions, so that ``base``, ``per_choice`` and ``rows`` are known."""
        return self.space.additive

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
        """``per_choice`` in the order of ``Space.block_decisions``: for each decision, choice -> cost."""
        shares = self.per_choice(metric)
        left = {cell: iter(shares[cell]) for cell in self.space.cells}
        return [next(left[decision.cell]) for decision in self.space.block_decisions]

    def of(self, genotype: Genotype) -> dict[str, float]:
        """What the derived network of a genotype costs.

        Args:
            genotype: Of this space; one with another width or depth is counted with its own.

        Returns:
            Metric -> cost, for each of ``metrics``.
        """
        return self.settled(genotype)._sum(genotype)

    def settled(self, genotype: Genotype) -> GenotypeCosts:
        """The costs of the networks that have the settings of a genotype: sums over their blocks."""
        settings = self.space.network_settings.model_dump(exclude_none=True, mode="json")
        same = not genotype.network or {**settings, **genotype.network} == settings
        if same and not self.space.open_settings:
            return self
        key = json.dumps(dict(genotype.network), sort_keys=True)
        if key not in self._others:
            self._others[key] = self._of_other(self.space.with_network(genotype.network))
        return self._others[key]

    def _of_other(self, other: Space) -> GenotypeCosts:
        if other is self.space:
            return self
        if not self.space.open_settings:
            return GenotypeCosts(other, self.task, self.table)
        made = GenotypeCosts.__new__(GenotypeCosts)
        made.space, made.task, made.table, made._others = other, self.task, None, {}
        # that costs are sums is the skeleton's affair: the first settings show it for all
        made._take(*_count_all(other, self.task, self._counted, check=not self._others))
        return made

    def least(self) -> dict[str, float]:
        """The smallest cost of each metric by itself; of open settings only combinations at the ends are looked at."""
        if not self.space.open_settings:
            return {m: base + sum(map(self._least_of, self.space.cells, repeat(m))) for m, base in self._bases.items()}
        found: dict[str, float] = {}
        for settings in _ends(self.space):
            other = self.settled(settings)
            for metric, value in other.least().items():
                found[metric] = min(value, found.get(metric, value))
        return found

    def _least_of(self, name: str, metric: str) -> float:
        """The smallest cost of the blocks of a cell, of whose nodes some may keep few edges."""
        cell, rows = self.space.cells[name], [min(row.values()) for row in self._shares[metric][name]]
        options = [range(len(sets)) for sets in kept_sets(cell).values()]
        return min(
            sum(cost for cost, alive in zip(rows, live_edges(cell, kept), strict=True) if alive)
            for kept in islice(product(*options), KEPT_SETS)
        )

    def _sum(self, genotype: Genotype) -> dict[str, float]:
        edges = {
            name: {(edge.source, edge.target): e for e, edge in enumerate(cell.edges)}
            for name, cell in self.space.cells.items()
        }
        return {
            metric: base
            + sum(
                self._shares[metric][cell][edges[cell][choice.source, choice.target]][choice.block]
                for cell, choices in genotype.cells.items()
                for choice in choices
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
    return _count_all(space, task)


def _count_all(
    space: Space, task: Task, seen: Counted | None = None, check: bool = True
) -> tuple[dict[str, Shares], dict[str, float]]:
    with torch.random.fork_rng(devices=[]):  # building networks draws random numbers, and no run may depend on that
        return _shares_and_bases(space, task, {} if seen is None else seen, check)


def _shares_and_bases(
    space: Space, task: Task, seen: Counted, check: bool
) -> tuple[dict[str, Shares], dict[str, float]]:
    first = [0] * len(space.decisions)
    last = [len(d.choices) - 1 for d in space.decisions]
    small, large = space.decode(first), space.decode(last)
    whole = _whole(space, task, small)
    if hasattr(SKELETONS.get(space.skeleton), "sites"):
        shares = _alone(space, task, seen)
    else:
        shares = _exchanged(space, task, first, whole)
    bases = {m: whole[m] - _sum_of(space, shares[m], small) for m in COUNTED}
    if not check:
        return shares, bases
    found = _whole(space, task, large)
    for metric in COUNTED:
        predicted = bases[metric] + _sum_of(space, shares[metric], large)
        if predicted != found[metric]:
            raise NasError(
                f"the {metric} of space {space.name!r} are not the sum of its blocks' ({predicted:.0f} predicted, "
                f"{found[metric]:.0f} counted); its skeleton {space.skeleton!r} cannot be searched under limits"
            )
    return shares, bases


def _ends(space: Space) -> list[Genotype]:
    """Genotypes with every open number at its smallest and every combination of what has no order, at most 64."""
    opened = space.open_settings
    options = [range(1) if d.kind == "ordered" else range(len(d.choices)) for d in opened]
    rest = [0] * (len(space.decisions) - len(opened))
    return [space.decode([*head, *rest]) for head in islice(product(*options), 64)]


def _whole(space: Space, task: Task, genotype: Genotype) -> dict[str, float]:
    costs = costs_for_task(space.network(genotype, task), task)
    return {"params": float(costs.parameters), "macs": float(costs.multiply_adds_total)}


def _alone(space: Space, task: Task, seen: Counted) -> dict[str, Shares]:
    """Every block counted by itself, at the size that the skeleton states."""
    height, width = task.cost_output
    skeleton = SKELETONS.get(space.skeleton)
    sites = skeleton.sites(space, height // task.scale, width // task.scale)
    part = getattr(skeleton, "part", None)
    inside = skeleton.part_settings(space) if part is not None else None
    shares: dict[str, Shares] = {m: {name: [] for name in space.cells} for m in COUNTED}
    for decision, site in zip(space.block_decisions, (s for name in space.cells for s in sites[name]), strict=True):
        role = decision.role
        row: dict[str, dict[str, float]] = {m: {} for m in COUNTED}
        for name in decision.choices:
            key = (role, name, site.channels, site.height, site.width, inside)
            if key not in seen:
                module = BLOCKS[role].get(name).build(site.channels) if part is None else part(space, role, name)
                costs = count_costs(module, site.height, site.width, site.channels)
                seen[key] = {
                    "params": float(costs.parameters),
                    "macs": float(costs.multiply_adds_total),
                }
            for metric in COUNTED:
                row[metric][name] = seen[key][metric] * site.repeats
        for metric in COUNTED:
            shares[metric][decision.cell].append(row[metric])
    return shares


def _exchanged(space: Space, task: Task, first: list[int], whole: Mapping[str, float]) -> dict[str, Shares]:
    """The difference that each block makes to the network of all first choices, whose own shares are zero by that."""
    shares: dict[str, Shares] = {m: {name: [] for name in space.cells} for m in COUNTED}
    for i, decision in enumerate(space.decisions):
        if decision.kind != "block":
            continue
        counted = [
            _whole(space, task, space.decode([*first[:i], k, *first[i + 1 :]])) for k in range(len(decision.choices))
        ]
        for metric in COUNTED:
            row = {name: c[metric] - whole[metric] for name, c in zip(decision.choices, counted, strict=True)}
            shares[metric][decision.cell].append(row)
    return shares


def _sum_of(space: Space, shares: Shares, genotype: Genotype) -> float:
    total = 0.0
    for name, cell in space.cells.items():
        rows = {(e.source, e.target): row for e, row in zip(cell.edges, shares[name], strict=True)}
        total += sum(rows[c.source, c.target][c.block] for c in genotype.cells[name])
    return total
