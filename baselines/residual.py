"""What the baselines that are points of the skeleton ``residual`` have in common."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from baselines.entry_point import lazy, served, sizes_from
from nas.models.baseline import Baseline

if TYPE_CHECKING:
    from torch import nn

    from search_spaces.modern.settings import ResidualSettings

#: The tasks for which these networks were published.
TASKS = ("sr_x2", "sr_x3", "sr_x4")


def residual_baseline(
    name: str, title: str, folder: Path, paper: str, licence: str = "Apache-2.0", create: str = "create"
) -> Baseline:
    """The entry of one network.

    Args:
        name: What users type.
        title: A line for lists.
        folder: Of the family; its ``model.py`` has ``convert``, ``infer_config`` and the constructor.
        paper: Where it was published.
        licence: Of the published code.
        create: Name of the constructor.
    """
    module = f"baselines.{folder.name}.model"
    convert = lazy(f"{module}:convert")

    def config_for_task(task: str) -> dict[str, Any]:
        wanted = served(name, TASKS, task)
        return {"scale": wanted.scale, "n_colors": wanted.channels}

    return Baseline(
        name=name,
        title=title,
        tasks=TASKS,
        create=lazy(f"{module}:{create}"),
        config_for_task=config_for_task,
        folder=folder,
        paper=paper,
        licence=licence,
        convert=convert,
        config_from_state=sizes_from(f"{module}:infer_config", convert, title),
        criterion=lazy("baselines.fourier:criterion"),
        transfer=lazy("baselines.residual:transfer"),
    )


def residual_network(baseline: Baseline, settings: Callable[[], ResidualSettings], config: dict[str, Any]) -> nn.Module:
    """A network of a baseline, freshly initialised.

    Args:
        baseline: Its entry.
        settings: Makes its settings.
        config: Its keywords; ``scale`` and ``n_colors`` are among them.

    Raises:
        UsageError: A keyword is impossible; the message names the baseline.
    """
    from nas.errors import UsageError
    from search_spaces.modern.network import ResidualNetwork, describe

    try:
        made, scale, colours = settings(), config["scale"], config["n_colors"]
        about = {"tasks": baseline.tasks, "paper": baseline.paper, "licence": baseline.licence, "config": config}
        return ResidualNetwork(made, scale, colours, describe(baseline.name, made, scale, colours, **about))
    except UsageError as error:
        raise UsageError(f"{baseline.name}: {error}") from None


def transfer(model: nn.Module, state: dict[str, Any]) -> list[str]:
    """Load weights of another scale; the names that kept their own values: the last convolution's. Else a NasError."""
    from nas.models.weights import load_strict

    return load_strict(model, state, "the weights", ("up.",))
