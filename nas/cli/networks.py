"""The network that a word on the command line names, for commands that measure it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

    from nas.tasks import Task


def network_of(model: str, task: str, plugins: Sequence[str] = (), space: str | None = None) -> nn.Module:
    """Build or load a network.

    Args:
        model: Weights file, baseline, genotype (file or registered name) or run folder.
        task: Name of the task it is built for; a weights file has its own.
        plugins: Python files or modules with blocks of the user.
        space: Name or document of the space of a genotype that does not name a registered one.

    Returns:
        The network, which carries its descriptor.
    """
    from nas.registry import load_plugins
    from nas.tasks import get_task
    from nas.train.named_networks import network_named

    load_plugins(plugins)
    return network_named(model, get_task(task), space)


def reference_words(task: Task) -> list[str]:
    """The name of the model without weights that serves a task, for a command that compares with it."""
    from nas.train.doubts import reference_model

    found = reference_model(task)
    return [] if found is None else [found[0]]


def first_task(model: str) -> str:
    """The task of a weights file, the first task that a baseline serves, or sr_x2."""
    from fnmatch import fnmatchcase

    from nas.registry import BASELINES, TASKS

    if model.endswith(".safetensors"):
        from nas.models.weights import read_metadata

        return read_metadata(model)["task"]
    patterns = BASELINES.get(model).tasks if model in BASELINES else ("sr_x2",)
    return next(name for pattern in patterns for name in ("sr_x2", *TASKS.names()) if fnmatchcase(name, pattern))
