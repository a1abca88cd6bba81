"""From the plan of edges to the operator ``jsnas::gates``."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from nas.supernet.fused.functions import join_parts, split_parts
from nas.supernet.fused.jobs import Execution, Job
from nas.supernet.fused.native.gates import MAP, VECTOR, WIDE, Gate, Term, compiled_sum
from nas.supernet.fused.plan import Plan


def compiled_gates(plan: Plan, execution: Execution, x: Tensor, count: int) -> Sequence[Tensor]:
    """The input times the sum of all gates, for each edge."""
    tensors: list[Tensor] = []

    def put(tensor: Tensor | None) -> int:
        if tensor is None:
            return -1
        tensors.append(tensor)
        return len(tensors) - 1

    def term(job: Job) -> Term:
        if job.piece is not None or job.kernel is None:
            return Term(put(execution.term(job)))
        base, kernel, bias = execution.tensor(job.base), execution.kernel(job.kernel), execution.kernel(job.bias)
        return Term(put(base), put(kernel), put(bias), job.window, execution.groups(job))

    described = []
    for gate in plan.gates:
        if gate.channels == x.shape[1] and execution.is_wide(gate.value):
            described.append(Gate(WIDE, tuple(term(job) for job in gate.value.jobs)))
        else:
            z = execution.sum(gate.value)[0]
            kind, z = _like_one(z, x, count)
            described.append(Gate(kind, (Term(put(z)),)))
    weights = torch.stack([execution.weight(gate.weight) for gate in plan.gates], 1)
    constant = None if plan.constant is None else execution.weight(plan.constant)
    return compiled_sum(x, weights, constant, tensors, described)


def _like_one(z: Tensor, x: Tensor, edges: int) -> tuple[int, Tensor]:
    """Which of the kinds a z is, and the z in the shape of that kind."""
    channels, image = z.shape[1] // edges, tuple(z.shape[2:])
    if image == (1, 1) and channels == x.shape[1]:
        return VECTOR, z
    if image == tuple(x.shape[2:]) and channels == 1:
        return MAP, z
    return WIDE, join_parts(split_parts(z, edges).expand(-1, -1, *x.shape[1:]))
