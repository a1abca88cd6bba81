"""How the edges that offer the same candidates are computed: which tensors, by which convolutions, in which order.

A plan is made once; it holds recipes and numbers, no parameters.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from nas.supernet.fused.buckets import NARROW, buckets_of, features_of, shape_of
from nas.supernet.fused.functions import CONCATENATION
from nas.supernet.fused.jobs import NODE, Bucket, Job, Joint, Sum
from nas.supernet.fused.linear import Feature, Kernel, Linear, Make, Term, Window, add_makes
from nas.supernet.fused.parameters import StepParameters
from nas.supernet.fused.reading import Output
from nas.supernet.fused.statistics import STATISTICS


@dataclass
class Gate:
    """weight * sigmoid(sum) * input, as part of a mixed edge.

    Attributes:
        value: What the sigmoid is applied to.
        weight: Number of the weights of the edges, (edges,).
        channels: 1 or those of the input.
    """

    value: Sum
    weight: int
    channels: int


@dataclass
class Plan:
    """The computation of the edges that leave one node and offer the same candidates.

    Attributes:
        buckets: Tensors in the order in which they are computed.
        joints: Convolutions that serve several sums.
        statistics: Those of the input that are wanted.
        source: 1x1 convolution of the whole node; None for none.
        linear: The rest of the sum over the candidates' linear parts; None for none. Where the blocks see one of k
            parts of the channels, its channel i stands at channel i * k of the edge's contribution.
        gates: Gates whose sum multiplies the input.
        constant: Number of the constant part of that sum, (edges,); None for none.
        plain: Numbers of the candidates that are run as they are.
        makes: Recipes of kernels, biases and weights by number.
    """

    buckets: list[Bucket] = field(default_factory=list)
    joints: list[Joint] = field(default_factory=list)
    statistics: tuple[str, ...] = ()
    source: Job | None = None
    linear: Sum | None = None
    gates: list[Gate] = field(default_factory=list)
    constant: int | None = None
    plain: list[int] = field(default_factory=list)
    makes: list[Make] = field(default_factory=list)

    def kernels(self, step: StepParameters, sizes: list[int]) -> list[list[Tensor]]:
        """All kernels of a step for groups of edges.

        Args:
            step: The parameters.
            sizes: Number of edges of each group.

        Returns:
            For each group its kernels (out, in / groups, rows, columns), biases (out,) and weights (edges,).
        """
        made = []
        for make in self.makes:
            whole = make(step)  # (X, out, ...) or (X,)
            rows = 1 if whole.dim() == 1 else whole.shape[1]
            flat = whole if whole.dim() == 1 else whole.reshape(-1, *whole.shape[2:])
            made.append(torch.split(flat, [size * rows for size in sizes]))
        return [list(of_group) for of_group in zip(*made, strict=True)] if made else [[] for _ in sizes]


class Planner:
    """Makes a plan from what the candidates compute."""

    def __init__(self, outputs: Sequence[Output | None], input: Feature, spread: int = 1) -> None:
        """Sort the parts.

        Args:
            outputs: By candidate; None for one that is not part of the plan.
            input: The input of the edges.
            spread: k: output channel i stands at channel i * k of the linear sum, the input has k times the channels
                of the blocks there, and those that the blocks do not see are passed on and shuffled.
        """
        self.plan = Plan()
        self._widths: dict[int, int] = {}  # output channels of an edge by number of the kernel
        self._input, self._spread = input, spread
        self._linear: list[tuple[int, Linear]] = []
        self._deferred: list[tuple[int, float, Linear]] = []
        constant: list[tuple[int, float]] = []
        gates = [(k, o.gate) for k, o in enumerate(outputs) if o is not None and o.gate is not None]
        for k, o in enumerate(outputs):
            if o is not None and o.linear is not None:
                self._linear.append((k, o.linear.known()))
        if gates:  # the input itself is a gate of the constant 1
            self._linear, own = self._without_input()
            constant += own
        for k, gate in gates:
            constant.append((k, gate.constant))
            self._deferred += [(k, term.factor, term.base.operands[0]) for term in gate.terms]
        self._constant = [(k, c) for k, c in constant if c]

    def _without_input(self) -> tuple[list[tuple[int, Linear]], list[tuple[int, float]]]:
        rest, found = [], []
        for k, value in self._linear:
            own = [t for t in value.terms if t.base is self._input and t.kernel is None]
            found += [(k, t.factor) for t in own]
            others = tuple(t for t in value.terms if t not in own)
            if others or value.bias is not None or value.constant:
                rest.append((k, Linear(value.channels, others, value.bias, value.constant)))
        return rest, found

    # ------------------------------------------------------------------ the plan
    def make(self) -> Plan:
        """The plan."""
        ends = [value for _, value in self._linear] + [value for _, _, value in self._deferred]
        features = features_of([*ends, Linear(self._input.channels, (Term(self._input),))])
        self._tensors: dict[Feature, tuple[int, int]] = {self._input: (0, 0)}  # tensor, place among its members
        self._members: dict[int, list[Feature]] = {0: [self._input]}
        for group in buckets_of(features, ends):
            if group[0] is not self._input:
                self._add_bucket(group)
        if self._linear or self._spread > 1:
            self._final()
        for k, factor, value in self._deferred:
            weight = self._slot(lambda step, k=k, factor=factor: step.weight(k) * factor)  # type: ignore[misc]
            self.plan.gates.append(Gate(self._sum([value]), weight, value.channels))
        if self._constant:
            pairs = self._constant
            self.plan.constant = self._slot(lambda step: torch.stack([step.weight(k) * c for k, c in pairs]).sum(0))
        self._join()
        self._drop_unused()
        self.plan.statistics = tuple(str(b.function.key[0]) for b in self.plan.buckets if _is_statistic(b))
        return self.plan

    def _slot(self, make: Make, width: int = 0) -> int:
        self.plan.makes.append(make)
        self._widths[len(self.plan.makes) - 1] = width
        return len(self.plan.makes) - 1

    def _add_bucket(self, group: list[Feature]) -> None:
        number = len(self._members)
        members = 0 if group[0].shared else len(group)
        places = len(group[0].operands)
        operands = [self._sum([f.operands[i] for f in group], shared=members == 0) for i in range(places)]
        self.plan.buckets.append(Bucket(number, group[0].function, operands, members))
        self._members[number] = group
        for place, feature in enumerate(group):
            self._tensors[feature] = number, place

    def _sum(self, values: Sequence[Linear], shared: bool = False) -> Sum:
        """The same sum for every member of a bucket: value i is that of member i."""
        terms: dict[tuple[int, Hashable], list[list[Term]]] = defaultdict(lambda: [[] for _ in values])
        for member, value in enumerate(values):
            for term in value.terms:
                terms[self._tensors[term.base][0], shape_of(term)][member].append(term)
        jobs = []
        for (tensor, _), each in terms.items():
            jobs += self._jobs(tensor, each, [v.channels for v in values], shared)
        jobs.sort(key=lambda job: job.kernel is None)  # a convolution first: its result may be added to in place
        bias = self._together([v.bias for v in values], [v.channels for v in values])
        return self._with_bias(Sum(jobs, None, values[0].constant), bias)

    def _with_bias(self, total: Sum, bias: Make | None) -> Sum:
        if bias is not None:
            slot = self._slot(bias)
            if total.jobs and total.jobs[0].kernel is not None:
                total.jobs[0].bias = slot
            else:
                total.bias = slot
        return total

    @staticmethod
    def _together(biases: Sequence[Make | None], channels: Sequence[int]) -> Make | None:
        """The biases of all members side by side, zero where one has none."""
        if all(bias is None for bias in biases):
            return None

        def make(step: StepParameters) -> Tensor:
            zero = torch.zeros((), dtype=step.dtype, device=step.device)
            each = [
                zero.expand(step.instances, c) if b is None else b(step) for b, c in zip(biases, channels, strict=True)
            ]
            return each[0] if len(each) == 1 else torch.cat(each, 1)

        return make

    def _jobs(self, tensor: int, each: list[list[Term]], channels: list[int], shared: bool) -> list[Job]:
        """The convolutions of one tensor for the members of a bucket, ``each`` of whom has terms over it."""
        bases = self._members[tensor]
        is_shared = bases[0].shared
        own = [[self._tensors[t.base][1] for t in terms] for terms in each]
        matched = own == [[i] for i in range(len(bases))]
        first = next(t for terms in each for t in terms)
        if first.kernel is None and (shared or (matched and not is_shared)):
            return [Job(tensor, None, None, Window(), 0, t.factor) for t in each[0]]
        explicit = [[t.explicit() for t in terms] for terms in each]
        size = max(k.window.size for kernels in explicit for k in kernels)
        wide = [[k.widened(size) if k.window.size != size else k for k in kernels] for kernels in explicit]
        window = next(k for kernels in wide for k in kernels).window
        if is_shared:
            parts = [_added([k.dense() for k in kernels], c, wide) for kernels, c in zip(wide, channels, strict=True)]
            return [Job(tensor, self._slot(_stacked(parts), sum(channels)), None, window, 0)]
        if matched:
            groups = wide[0][0].groups
            parts = [kernels[0].make for kernels in wide]
            return [Job(tensor, self._slot(_stacked(parts), sum(channels)), None, window, groups * len(bases))]
        rows = []
        for kernels, places, c in zip(wide, own, channels, strict=True):
            columns = [
                _added([k.dense() for k, p in zip(kernels, places, strict=True) if p == place], c, wide)
                for place in range(len(bases))
            ]
            rows.append(_side_by_side(columns))
        return [Job(tensor, self._slot(_stacked(rows), sum(channels)), None, window, 1)]

    # ------------------------------------------------------------------ the sum over the candidates
    def _final(self) -> None:
        """sum_k w_k * linear_k, with what goes round the blocks, as few convolutions."""
        channels, spread = self._input.channels, self._spread
        total = Linear(channels, ())
        for k, value in self._linear:
            weight: Make = lambda step, k=k: step.weight(k)  # type: ignore[misc]  # noqa: E731
            terms = tuple(Term(t.base, t.explicit().dense().scaled(weight)) for t in value.terms)
            bias = _weighted(value, weight)
            total = total.plus(Linear(channels, terms, bias))
        points = [t for t in total.terms if t.base is self._input and t.kernel is not None and t.kernel.window.is_point]
        others = self._gathered([t for t in total.terms if t not in points])
        rest = Linear(channels, tuple(others), total.bias)
        self.plan.linear = self._sum([rest]) if others or total.bias is not None else None
        if points or spread > 1:
            source = self._slot(_source([t.kernel for t in points if t.kernel is not None], channels, spread))
            self.plan.source = Job(NODE if spread > 1 else 0, source, None, Window(), 0)

    def _gathered(self, terms: list[Term]) -> list[Term]:
        """1x1 convolutions of several narrow tensors as one of all of them side by side."""
        by_tensor: dict[int, list[Term]] = defaultdict(list)
        for term in terms:
            by_tensor[self._tensors[term.base][0]].append(term)
        narrow = {
            tensor: own
            for tensor, own in by_tensor.items()
            if self._members[tensor][0].channels * len(self._members[tensor]) <= NARROW
            and not self._members[tensor][0].shared
            and all(t.kernel is not None and t.kernel.window.is_point for t in own)
        }
        if len(narrow) < 2:
            return terms
        gathered = [feature for tensor in narrow for feature in self._members[tensor]]
        number = len(self._members)
        sums = [Sum([Job(tensor, None, None, Window(), 0)]) for tensor in narrow]
        self.plan.buckets.append(Bucket(number, CONCATENATION, sums, 1))
        self._members[number] = gathered
        for place, feature in enumerate(gathered):
            self._tensors[feature] = number, place
        return terms

    def _join(self) -> None:
        """Make the convolutions that read one tensor through one window one convolution."""
        sums = [s for bucket in self.plan.buckets for s in bucket.operands]
        sums += [g.value for g in self.plan.gates if g.channels == 1]
        by_base: dict[Hashable, list[Job]] = defaultdict(list)
        for total in sums:
            for job in total.jobs:
                if job.groups < 2 and job.kernel is not None:
                    by_base[job.base, job.window, job.groups].append(job)
        for jobs in by_base.values():
            if len(jobs) > 1:
                self._add_joint(jobs)

    def _drop_unused(self) -> None:
        """Leave out the recipes of convolutions that became a part of another one."""
        plan, new = self.plan, dict[int, int]()
        sums = [s for bucket in plan.buckets for s in bucket.operands] + [g.value for g in plan.gates]
        sums += [plan.linear] if plan.linear is not None else []
        jobs = [job for total in sums for job in total.jobs if job.piece is None]
        jobs += [joint.job for joint in plan.joints] + ([plan.source] if plan.source is not None else [])
        for job in jobs:
            job.kernel, job.bias = _renumbered(job.kernel, new), _renumbered(job.bias, new)
        for total in sums:
            total.bias = _renumbered(total.bias, new)
        for gate in plan.gates:
            gate.weight = new.setdefault(gate.weight, len(new))
        plan.constant = _renumbered(plan.constant, new)
        plan.makes = [plan.makes[old] for old in new]

    def _add_joint(self, jobs: list[Job]) -> None:
        kernels = [self.plan.makes[job.kernel] for job in jobs if job.kernel is not None]
        biases = [None if job.bias is None else self.plan.makes[job.bias] for job in jobs]
        sizes = [self._widths[job.kernel] for job in jobs if job.kernel is not None]
        bias = self._together(biases, sizes)
        slot = None if bias is None else self._slot(bias)
        first = jobs[0]
        joint = Joint(Job(first.base, self._slot(_stacked(kernels)), slot, first.window, first.groups), sizes)
        for which, job in enumerate(jobs):
            job.bias, job.piece = None, (len(self.plan.joints), which)
        self.plan.joints.append(joint)


def _renumbered(number: int | None, new: dict[int, int]) -> int | None:
    return None if number is None else new.setdefault(number, len(new))


def _is_statistic(bucket: Bucket) -> bool:
    jobs = [job for operand in bucket.operands for job in operand.jobs]
    return bucket.function.key[0] in STATISTICS and len(jobs) == 1 and jobs[0].base == 0 and jobs[0].kernel is None


def _source(kernels: Sequence[Kernel], c: int, k: int) -> Make:
    """The 1x1 convolution of a whole node: its first c channels under the sum of kernels, the others passed on."""

    def make(step: StepParameters) -> Tensor:
        whole = step.edges.view(-1, 1, 1, 1, 1) * _passing(step, c, k) if k > 1 else None  # (X, k c, k c, 1, 1)
        made = [kernel.make(step) for kernel in kernels]
        taken = (torch.stack(made).sum(0) if len(made) > 1 else made[0]) if made else None
        if whole is None:
            assert taken is not None
            return taken
        if taken is None:
            return whole
        x = taken.shape[0]
        rows = F.pad(taken.view(x, c, 1, c), (0, (k - 1) * c, 0, k - 1))  # output i stands at i * k
        return whole + rows.view(x, k * c, k * c, 1, 1)

    return make


def _passing(step: StepParameters, c: int, k: int) -> Tensor:
    """The 1x1 kernel that shuffles k c channels (input g * c + i to output i * k + g), without the first c inputs."""
    eye = torch.eye(k * c, dtype=step.dtype, device=step.device)
    eye[:c] = 0.0
    return eye.view(k, c, k * c).transpose(0, 1).reshape(1, k * c, k * c, 1, 1)


def _weighted(value: Linear, weight: Make) -> Make | None:
    """Bias and constant of a value, times the weight of its candidate: (X, channels)."""
    parts: list[Make] = []
    if value.bias is not None:
        bias = value.bias
        parts.append(lambda step: bias(step) * weight(step).unsqueeze(1))
    if value.constant:
        parts.append(lambda step: (weight(step) * value.constant).unsqueeze(1).expand(-1, value.channels))
    total: Make | None = None
    for part in parts:
        total = add_makes(total, part)
    return total


def _stacked(makes: Sequence[Make]) -> Make:
    """Kernels (or biases) below one another: (X, sum of out, ...)."""
    if len(makes) == 1:
        return makes[0]
    return lambda step: torch.cat([make(step) for make in makes], 1)


def _side_by_side(makes: Sequence[Make]) -> Make:
    """Kernels over neighbouring input channels: (X, out, sum of in, h, w)."""
    if len(makes) == 1:
        return makes[0]
    return lambda step: torch.cat([make(step) for make in makes], 2)


def _added(kernels: Sequence[Kernel], out: int, like: list[list[Kernel]]) -> Make:
    """The sum of kernels; zeros of the shape of the others where there are none."""
    if len(kernels) == 1:
        return kernels[0].make
    if kernels:
        return lambda step: torch.stack([k.make(step) for k in kernels]).sum(0)
    model = next(k for kernels in like for k in kernels)
    shape = (out, model.into, *model.window.size)

    def zeros(step: StepParameters) -> Tensor:
        return torch.zeros((), dtype=step.dtype, device=step.device).expand(step.instances, *shape)

    return zeros
