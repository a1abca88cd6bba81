"""What training a network will need, found out before it starts: parameters, multiply-adds, memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from nas.config.runs import Settings
from nas.profiling.costs import costs_for_task
from nas.tasks import Task


@dataclass(frozen=True)
class Footprint:
    """Costs of a network, and the memory of one training step with Adam.

    Temporary buffers come on top of the two amounts of memory, about 20 % in practice.

    Attributes:
        parameters: Elements of all parameters, re-parameterised layers merged (see ``nas.profiling.costs``).
        trainable: Elements that require a gradient, before any merging.
        multiply_adds: Of all convolutions at ``cost_output``.
        cost_output: Width x height of the output, e.g. "1280x720".
        state_mib: Weights, gradients and the two moments of Adam, in MiB.
        activation_mib: What autograd keeps of one forward pass with the configured batch and patch, in MiB.
    """

    parameters: int
    trainable: int
    multiply_adds: int
    cost_output: str
    state_mib: float
    activation_mib: float


def footprint(model: nn.Module, task: Task, settings: Settings) -> Footprint:
    """Measure the footprint by one forward pass of a single patch on the CPU.

    Args:
        model: The network to be trained, on the CPU.
        task: What it is trained for.
        settings: Patch and batch are read from ``settings.data``; with stages the largest one counts.

    Returns:
        The footprint.
    """
    costs = costs_for_task(model, task)
    trainable = costs.trainable_parameters
    data = settings.data
    sizes = [(s.patch, s.batch) for s in data.stages] or [(data.patch, data.batch)]
    patch, batch = max(sizes, key=lambda size: size[0] ** 2 * size[1])
    side = patch // task.scale
    seen: dict[int, int] = {}

    def keep(tensor: Tensor) -> Any:
        storage = tensor.untyped_storage()
        seen[storage.data_ptr()] = storage.nbytes()
        return tensor

    weights = {p.untyped_storage().data_ptr() for p in model.parameters()}
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        output = model(torch.zeros(1, task.channels, side, side))
        del output
    activation = sum(size for pointer, size in seen.items() if pointer not in weights) * batch
    state = 4 * (sum(p.numel() for p in model.parameters()) + 3 * trainable)
    return Footprint(
        costs.parameters, trainable, costs.multiply_adds_conv, costs.output_size, state / 2**20, activation / 2**20
    )
