"""Mixed edges in their fused form: the edges that leave a node and offer the same candidates are computed together.

Read this file first; then ``plan.py`` (what is computed), ``linear.py`` (why that is the same) and ``reading.py``
(how a block is understood). ``nas/supernet/mixed.py`` is the readable form, with equal values and gradients.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nas.space.blocks import BlockInfo
from nas.supernet.fused.functions import first_channels, split_parts
from nas.supernet.fused.gates import Convolution, gated_sum
from nas.supernet.fused.jobs import Execution, Job, add_placed
from nas.supernet.fused.native.calls import DTYPES
from nas.supernet.fused.native.edges import compiled_gates
from nas.supernet.fused.native.statistics import compiled_statistics
from nas.supernet.fused.parameters import StepParameters
from nas.supernet.fused.plan import Plan, Planner
from nas.supernet.fused.reading import Output, Reader, UnreadableError
from nas.supernet.fused.statistics import statistics
from nas.supernet.relaxations import Mixture, channel_shuffle


@dataclass(frozen=True)
class Edge:
    """A mixed edge as the fused form sees it.

    Attributes:
        source: The node that it leaves.
        infos: Its candidates.
        blocks: Their modules.
        channels: Those of the blocks.
        partial_channels: k: the blocks see the first of k equal parts of the channels.
    """

    source: int
    infos: tuple[BlockInfo, ...]
    blocks: tuple[nn.Module, ...]
    channels: int
    partial_channels: int = 1


@dataclass
class _Group:
    """Edges of one cell that leave one node and offer the same candidates."""

    cell: int
    source: int
    members: list[int]


class _Family:
    """All groups, of all cells, that share a plan."""

    def __init__(self, cells: Sequence[Sequence[Edge]], groups: list[_Group]) -> None:
        self.groups = groups
        edges = [cells[g.cell][e] for g in groups for e in g.members]
        self.first, self.edges = edges[0], edges
        self.rows = [e for g in groups for e in g.members]
        self.sizes = [len(g.members) for g in groups]
        self._rows: dict[torch.device, Tensor] = {}
        self.plan, self.spread = _planned(self.first)
        self._layers: list[dict[str, list[nn.Module]]] = [
            {path: [edge.blocks[k].get_submodule(path) for edge in edges] for path, _ in block.named_modules()}
            for k, block in enumerate(self.first.blocks)
        ]

    def kernels(self, mixture: Mixture) -> tuple[list[list[Tensor]], StepParameters]:
        """The kernels of each group in this step."""
        device = mixture.candidates.device
        if device not in self._rows:  # once, not in every pass
            with torch.inference_mode(False):  # a validation may come first, and what it makes cannot be trained on
                self._rows[device] = torch.tensor(self.rows, device=device)
        rows = self._rows[device]
        mixing = mixture.candidates.index_select(0, rows)
        edges = mixture.edges.index_select(0, rows) if mixture.edges is not None else torch.ones_like(mixing[:, 0])
        if mixture.edges is not None:
            mixing = mixing * edges.unsqueeze(1)
        step = StepParameters(self._layers, mixing, edges, mixing.dtype)
        with torch.autocast(mixing.device.type, enabled=False):
            return self.plan.kernels(step, self.sizes), step


def _planned(edge: Edge) -> tuple[Plan, int]:
    reader = Reader(edge.channels, {})
    outputs: list[Output | None] = []
    for k, (info, block) in enumerate(zip(edge.infos, edge.blocks, strict=True)):
        try:
            outputs.append(Output() if info.zero else reader.read(block, k))
        except UnreadableError:
            outputs.append(None)
    gated = any(o is not None and o.gate is not None for o in outputs)
    spread = 1 if gated or None in outputs else edge.partial_channels
    plan = Planner(outputs, reader.input, spread).make()
    plan.plain = [k for k, o in enumerate(outputs) if o is None]
    return plan, spread


class FusedEdges:
    """The mixed edges of all cells of one kind.

    Attributes:
        native: Whether gates and statistics are computed by compiled loops where these can (``fused/native``).
    """

    def __init__(self, cells: Sequence[Sequence[Edge]]) -> None:
        """Plan the computation.

        Args:
            cells: The edges of each cell, in the order of the rows of their mixture.
        """
        groups: dict[tuple[int, int, tuple[str, ...]], _Group] = {}
        for c, edges in enumerate(cells):
            for e, edge in enumerate(edges):
                key = (c, edge.source, tuple(info.name for info in edge.infos))
                groups.setdefault(key, _Group(c, edge.source, [])).members.append(e)
        families: dict[tuple[str, ...], list[_Group]] = defaultdict(list)
        for (_, _, names), group in groups.items():
            families[names].append(group)
        self._families = [_Family(cells, found) for found in families.values()]
        self.native = False

    def prepare(self, mixture: Mixture) -> Leaving:
        """The kernels of one forward pass."""
        ready: dict[tuple[int, int], list[_Ready]] = defaultdict(list)
        for family in self._families:
            kernels, step = family.kernels(mixture)
            first = 0
            for group, own in zip(family.groups, kernels, strict=True):
                count = len(group.members)
                here = slice(first, first + count)
                ready[group.cell, group.source].append(
                    _Ready(family, group, own, step.mixing[here], step.edges[here], family.edges[here], self.native)
                )
                first += count
        return Leaving(ready)


@dataclass
class _Ready:
    """A group with the kernels of this step."""

    family: _Family
    group: _Group
    kernels: list[Tensor]
    mixing: Tensor
    edge_weights: Tensor
    edges: list[Edge]
    native: bool


class Leaving:
    """Runs edges by the node that they leave; holds the kernels of one forward pass."""

    def __init__(self, ready: dict[tuple[int, int], list[_Ready]]) -> None:
        self._ready = ready

    def run(self, cell: int, source: int, x: Tensor) -> dict[int, Tensor]:
        """What each edge that leaves a node contributes.

        Args:
            cell: The cell's number.
            source: The node.
            x: Its value, (N, C, H, W).

        Returns:
            Number of the edge -> its contribution, like ``x``, edge weight included.
        """
        found: dict[int, Tensor] = {}
        for ready in self._ready.get((cell, source), []):
            found |= zip(ready.group.members, _run(ready, x), strict=True)
        return found


def _run(ready: _Ready, x: Tensor) -> Sequence[Tensor]:
    family, count = ready.family, len(ready.group.members)
    plan, first = family.plan, family.first
    # a node that one edge enters is a part of a larger tensor: a dense copy, in the same order of memory
    memory = torch.channels_last if x.stride(3) != 1 else torch.contiguous_format
    x = x.contiguous(memory_format=memory)
    k = first.partial_channels
    taken = x if k == 1 else first_channels(x, first.channels)
    native = ready.native and taken.device.type == "cpu" and taken.dtype in DTYPES
    known = compiled_statistics if native else statistics
    execution = Execution(taken, x, ready.kernels, count, plan.joints, known(taken, plan.statistics))
    for bucket in plan.buckets:
        execution.fill(bucket)
    total: Tensor | None = None
    if plan.source is not None:
        total = execution.convolve(plan.source)
    if plan.linear is not None:
        part, _ = execution.sum(plan.linear)
        if total is None:
            total = part
        else:
            total = total.add_(part) if family.spread == 1 else add_placed(total, part, count, family.spread)
    results: Sequence[Tensor] | None = None
    if total is not None:
        results = torch.split(total, total.shape[1] // count, 1) if count > 1 else [total]
    if plan.gates or plan.constant is not None:
        gates = compiled_gates if native and plan.gates else _gates
        gated = gates(plan, execution, taken, count)
        results = gated if results is None else [r + g for r, g in zip(results, gated, strict=True)]
    if results is not None and not plan.plain and family.spread == k:
        return results
    return _finished(ready, x, taken, results)


def _finished(ready: _Ready, x: Tensor, taken: Tensor, results: Sequence[Tensor] | None) -> list[Tensor]:
    """Add the candidates that are run as they are, and the channels that go round."""
    plan, k, c = ready.family.plan, ready.family.first.partial_channels, taken.shape[1]
    finished = []
    for e, edge in enumerate(ready.edges):
        mixed = torch.zeros_like(taken) if results is None else results[e]
        for number in plan.plain:
            mixed = mixed + ready.mixing[e, number] * edge.blocks[number](taken)
        if k > 1:
            rest = x[:, c:] * ready.edge_weights[e]
            mixed = channel_shuffle(torch.cat([mixed, rest], 1), k)
        finished.append(mixed)
    return finished


def _gates(plan: Plan, execution: Execution, x: Tensor, count: int) -> list[Tensor]:
    """The input times the sum of all gates, for each edge."""
    wide: list[list[Convolution]] = []
    weights: list[Tensor] = []
    sides: list[Tensor] = []
    tensors: list[Tensor] = []
    for gate in plan.gates:
        weight = execution.weight(gate.weight)
        if gate.channels == x.shape[1] and execution.is_wide(gate.value):
            wide.append([_registered(job, execution, tensors, x.dtype) for job in gate.value.jobs])
            weights.append(weight)
        else:
            value = split_parts(torch.sigmoid(execution.sum(gate.value)[0]), count)
            sides.append(value * weight.view(1, -1, 1, 1, 1).to(value.dtype))
    if plan.constant is not None:
        sides.append(execution.weight(plan.constant).view(1, -1, 1, 1, 1).to(x.dtype))
    return gated_sum(x, wide, torch.stack(weights, 1) if weights else None, _few(sides), tensors)


def _few(sides: list[Tensor]) -> list[Tensor]:
    """Sides of one shape added up; a constant with the smallest of them."""
    by_shape: dict[tuple[int, ...], Tensor] = {}
    for side in sides:
        shape = tuple(side.shape)
        by_shape[shape] = by_shape[shape] + side if shape in by_shape else side
    found = sorted(by_shape.values(), key=lambda side: side.numel())
    if len(found) > 1 and found[0].shape[2:] == (1, 1, 1):
        found[1] = found[1] + found[0]
        del found[0]
    return found


def _registered(job: Job, execution: Execution, tensors: list[Tensor], dtype: torch.dtype) -> Convolution:
    """Put the tensors of a job into the list."""

    def put(tensor: Tensor) -> int:
        tensors.append(tensor.to(dtype))
        return len(tensors) - 1

    if job.piece is not None or job.kernel is None:
        return Convolution(put(execution.term(job)), None, None, job.window, 1)
    kernel, bias = execution.kernel(job.kernel), execution.kernel(job.bias)
    assert kernel is not None
    return Convolution(
        put(execution.tensor(job.base)),
        put(kernel),
        None if bias is None else put(bias),
        job.window,
        execution.groups(job),
    )
