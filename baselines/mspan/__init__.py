"""MSPAN: lightweight super-resolution with multi-semantic pixel attention, reconstructed from its publication."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from baselines.conversion import strip_prefix
from nas.baseline import Baseline
from nas.errors import UsageError
from nas.registry import TASKS

if TYPE_CHECKING:
    import torch
    from torch import nn

PAPER = "Lightweight Image Super-Resolution with Multi-Semantic Guidance (MSPAN); reconstruction, no code released"
RESTORATION_TASKS = ("denoise_*", "derain")
SUPPORTED = ("sr_x2", "sr_x3*", "sr_x4", *RESTORATION_TASKS)


def create(**config: Any) -> nn.Module:
    """MSPAN, freshly initialised; see ``baselines.mspan.config.Config`` for the keywords."""
    from baselines.mspan.model import create as build

    return build(**config)


def config_for_task(task: str) -> dict[str, Any]:
    """Scale and channels of the task; scale 1 is the restoration network. Other tasks are UsageErrors."""
    wanted = TASKS.get(task)
    if not any(fnmatchcase(wanted.name, pattern) for pattern in SUPPORTED):
        raise UsageError(f"mspan is not defined for task {task!r}; it serves {', '.join(SUPPORTED)}")
    return {"scale": wanted.scale, "in_channels": wanted.channels, "out_channels": wanted.channels}


def convert(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """There are no official names (no weights were released); only ``state.`` or ``module.`` is removed."""
    return strip_prefix(strip_prefix(state, "state."), "module.")


def config_from_state(state: dict[str, torch.Tensor]) -> dict[str, Any]:
    """Sizes read from the tensors; the choices that leave no trace keep their defaults."""
    from baselines.mspan.infer import infer_config

    return infer_config(convert(state))


BASELINE = Baseline(
    name="mspan",
    title="MSPAN (multi-semantic pixel attention; reconstruction)",
    tasks=SUPPORTED,
    create=create,
    config_for_task=config_for_task,
    folder=Path(__file__).parent,
    paper=PAPER,
    licence="MIT",
    convert=convert,
    config_from_state=config_from_state,
)
