"""What a network costs, whatever names it: a module, weights, a run, a genotype or a baseline."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from nas.profiling.costs import Costs, costs_for_task
from nas.space import Genotype, load_space
from nas.tasks import Task, get_task
from nas.train.named_networks import network_named


def cost(model: nn.Module | Genotype | str | Path, task: str | Task) -> Costs:
    """Parameters and multiply-adds of a network at the output size that is customary for a task.

    Args:
        model: A network with a descriptor; a genotype; or the name of a baseline or a registered genotype, or the path
            of a weights file, a genotype file or a run folder.
        task: The task, by name or as a task.

    Returns:
        The costs of one forward pass: ``parameters``, ``multiply_adds_total``, ``activations`` and more.

    Raises:
        UsageError: There is no such model, or it does not fit the task.
    """
    wanted = get_task(task)
    return costs_for_task(_network(model, wanted), wanted)


def _network(model: nn.Module | Genotype | str | Path, task: Task) -> nn.Module:
    if isinstance(model, nn.Module):
        return model
    if isinstance(model, Genotype):
        network: nn.Module = load_space(model.space_name).network(model, task)
        return network
    return network_named(str(model), task)
