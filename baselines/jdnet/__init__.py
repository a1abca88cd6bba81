"""JDNet: joint self-attention and scale aggregation for single-image rain removal (2020)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.baseline import Baseline
from nas.errors import UsageError
from nas.registry import TASKS

if TYPE_CHECKING:
    import torch
    from torch import nn

    from nas.baseline import Criterion

PAPER = (
    "Wang, Wu, Su, Chen: Joint Self-Attention and Scale-Aggregation for Self-Calibrated Deraining Network, "
    "ACM Multimedia 2020, pp. 2517-2525"
)
SUPPORTED = ("derain",)


def create(**config: Any) -> nn.Module:
    """A JDNet; see ``baselines.jdnet.model.Plan`` for the keywords."""
    from baselines.jdnet.model import create as build

    return build(**config)


def config_for_task(task: str) -> dict[str, Any]:
    """Nothing to set for ``derain``; any other task is a UsageError."""
    wanted = TASKS.get(task)
    if wanted.name not in SUPPORTED:
        raise UsageError(f"jdnet is not defined for task {task!r}; it serves {', '.join(SUPPORTED)}")
    return {}


def convert(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Official keys are ours; ``module.`` is removed. Build the network with ``config_from_state`` (BGR)."""
    from baselines.jdnet.infer import convert as rename

    return rename(state)


def config_from_state(state: dict[str, torch.Tensor]) -> dict[str, Any]:
    """Sizes read from an official checkpoint, and its channel order (BGR)."""
    from baselines.jdnet.infer import infer_config

    return infer_config(state)


def criterion(model: nn.Module, options: dict[str, Any]) -> Criterion:
    """Negative SSIM unless the model was built with another ``loss``."""
    from baselines.jdnet.loss import criterion as build

    return build(model, options)


BASELINE = Baseline(
    name="jdnet",
    title="JDNet (joint self-attention and scale aggregation)",
    tasks=SUPPORTED,
    create=create,
    config_for_task=config_for_task,
    folder=Path(__file__).parent,
    paper=PAPER,
    licence="MIT",
    convert=convert,
    config_from_state=config_from_state,
    criterion=criterion,
)
