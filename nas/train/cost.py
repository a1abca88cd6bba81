"""What a network costs, whatever names it: a module, weights, a run, a genotype or a baseline."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from nas.config.reading import build
from nas.config.runs import RetrainSettings
from nas.profiling.costs import Costs, costs_for_task
from nas.registry import BASELINES
from nas.space import Genotype, load_space
from nas.tasks import Task, get_task
from nas.train.loading import load
from nas.train.trainable import build_trainable


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
    name = str(model)
    if name.endswith(".safetensors"):
        return load(name)
    if name in BASELINES:  # also the references, which have nothing to train
        baseline = BASELINES.get(name)
        made: nn.Module = baseline.create(**baseline.config_for_task(task.name))
        return made
    return build_trainable(build(RetrainSettings, model=name, task=task.name), task).model
