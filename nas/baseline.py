"""The contract of a fixed baseline: what its module exposes as ``BASELINE``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import nn

    #: (outputs of the model, degraded input, target, step) -> (scalar loss, named parts for the log)
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
    criterion: model, options -> loss over the model's own outputs; None means the task's loss on ``restored``
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
    criterion: Callable[[nn.Module, dict[str, Any]], Criterion] | None = None
    trainable: bool = True
