"""The contract of a fixed baseline: what its module exposes as ``BASELINE``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import nn

    #: (outputs of the model, degraded input, target, step) -> (scalar loss, named parts for the log); an attribute
    #: ``identity`` says in words what is measured and is recorded in the weights file
    Criterion = Callable[[Any, torch.Tensor, torch.Tensor, int], tuple[torch.Tensor, dict[str, float]]]


def no_conversion(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """For models whose official key names are ours already."""
    return dict(state)


@dataclass(frozen=True)
class Baseline:
    """One paper's network behind the platform's doors.

    create: keywords (the published full model by default) -> ``nn.Module`` with a ``descriptor``
    config_for_task: task name -> constructor keywords (scale, channels, ...) for that task
    convert: official state dict -> ours (pure renaming or reshaping; never drops a key silently)
    config_from_state: official state dict -> constructor keywords, so that ``nas import`` needs no flags
    criterion: model, options (``train.loss`` and ``train.criterion``) -> loss over the model's own outputs, or
        None for these options; no function means the task's loss on ``restored``
    transfer: model, weights of the same baseline for another scale -> names of the tensors that keep their fresh
        values; NasError for any difference beyond those. No function means that every tensor must fit
    further_costs: model, costs (nas.profiling.costs), input (height, width) -> multiply-adds by other conventions,
        those of the publication among them, by a label that names the convention
    cost_output: (height, width) of the output at which the publication counts, where that is not the task's
    folder: where ``recipe.yaml`` (presets ``published`` and ``small``) and README.md live
    trainable: False for the floor (bicubic, identity)
    """

    name: str
    title: str
    tasks: tuple[str, ...]
    create: Callable[..., nn.Module]
    config_for_task: Callable[[str], dict[str, Any]]
    folder: Path
    paper: str = ""
    licence: str = ""
    convert: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]] = no_conversion
    config_from_state: Callable[[dict[str, torch.Tensor]], dict[str, Any]] | None = None
    criterion: Callable[[nn.Module, dict[str, Any]], Criterion | None] | None = None
    transfer: Callable[[nn.Module, dict[str, torch.Tensor]], list[str]] | None = None
    further_costs: Callable[[nn.Module, Any, tuple[int, int]], dict[str, int]] | None = None
    cost_output: tuple[int, int] | None = None
    trainable: bool = True
