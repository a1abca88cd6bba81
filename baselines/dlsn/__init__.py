"""DLSN: super-resolution with global learnable attention over hashed positions (2022)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from baselines.conversion import strip_prefix
from nas.baseline import Baseline
from nas.errors import NasError, UsageError
from nas.registry import TASKS

PAPER = (
    "Su, Gan, Chen, Yin, Chen: Global Learnable Attention for Single Image Super-Resolution, IEEE TPAMI "
    "(2022), doi 10.1109/TPAMI.2022.3229689"
)
SUPPORTED = ("sr_x2", "sr_x3", "sr_x4", "sr_x3_bd", "sr_x3_dn")


def create(**config: Any) -> nn.Module:
    """A DLSN; see ``baselines.dlsn.model.DLSN`` for the keywords."""
    from baselines.dlsn.model import DLSN

    return DLSN(**config)


def config_for_task(task: str) -> dict[str, Any]:
    """The task's scale; UsageError for anything but colour super-resolution."""
    if task not in SUPPORTED:
        raise UsageError(f"dlsn has no network for the task {task!r}; choose one of {', '.join(SUPPORTED)}")
    return {"scale": TASKS.get(task).scale}


def convert(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Official keys are ours; prefixes ``state/``, ``state.`` and ``module.`` (data parallel) go."""
    for prefix in ("state/", "state.", "module."):
        state = strip_prefix(state, prefix)
    return dict(state)


def config_from_state(state: dict[str, torch.Tensor]) -> dict[str, Any]:
    """Sizes read from an official checkpoint.

    The number of hash rounds and the residual scale leave no trace in the weights: they stay at the published
    values. Raises NasError if the tensors are not those of a DLSN.
    """
    from baselines.dlsn.infer import infer_config

    try:
        return infer_config(convert(state))
    except (KeyError, ValueError, IndexError) as error:
        raise NasError(f"these weights are not a DLSN (no usable tensor {error}); check the file") from None


BASELINE = Baseline(
    name="dlsn",
    title="DLSN (global learnable attention)",
    tasks=SUPPORTED,
    create=create,
    config_for_task=config_for_task,
    folder=Path(__file__).parent,
    paper=PAPER,
    licence="MIT",
    convert=convert,
    config_from_state=config_from_state,
)
