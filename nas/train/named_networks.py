"""Networks by what a user calls them: a baseline, a genotype, a run or a weights file."""

from __future__ import annotations

from torch import nn

from nas.config.reading import build
from nas.config.runs import RetrainSettings
from nas.registry import BASELINES
from nas.tasks import Task
from nas.train.loading import load
from nas.train.trainable import build_trainable


def network_named(name: str, task: Task, space: str | None = None) -> nn.Module:
    """Build or load a network.

    Args:
        name: A baseline, a registered genotype, or the path of a weights file, a genotype file or a run folder.
        task: The task it is built for; a weights file has its own.
        space: Name or document of the space of a genotype that does not name a registered one.

    Returns:
        The network, which carries its descriptor.

    Raises:
        UsageError: There is no such network, or it does not fit the task.
    """
    if name.endswith(".safetensors"):
        return load(name)
    if name in BASELINES:  # also the references without a network, which have nothing to train
        baseline = BASELINES.get(name)
        made: nn.Module = baseline.create(**baseline.config_for_task(task.name))
        return made
    return build_trainable(build(RetrainSettings, model=name, task=task.name, space=space), task).model
