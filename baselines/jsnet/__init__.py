"""JSNet: the network found by joint search of operation and attention blocks (2022), and any one like it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from baselines.conversion import modern_weight_norm, strip_prefix
from nas.baseline import Baseline
from nas.registry import TASKS

PAPER = (
    "Shen, Liao, Zhao, Tian, Huang: Joint Operation and Attention Block Search for Lightweight Image "
    "Restoration, Pattern Recognition 132 (2022) 108909"
)


def create(**config: Any) -> nn.Module:
    """Any derived JSNet; see ``baselines.jsnet.model.create`` for the keywords."""
    from baselines.jsnet.model import create as build

    return build(**config)


def config_for_task(task: str) -> dict[str, Any]:
    """Scale and channels of the task; equal-size tasks add the input image to the output."""
    wanted = TASKS.get(task)
    return {"scale": wanted.scale, "n_colors": wanted.channels, "image_residual": wanted.scale == 1}


def convert(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Official keys (also with the prefix ``state.``) to ours; only weight-norm tensors change names."""
    return modern_weight_norm(strip_prefix(state, "state."))


def config_from_state(state: dict[str, torch.Tensor]) -> dict[str, Any]:
    """Sizes and genotype read from the tensors of an official checkpoint."""
    from baselines.jsnet.infer import infer_config

    return infer_config(convert(state))


BASELINE = Baseline(
    name="jsnet",
    title="JSNet (joint operation and attention search)",
    tasks=("sr_*", "denoise_*", "jpeg_*", "derain", "dehaze", "all_in_one"),
    create=create,
    config_for_task=config_for_task,
    folder=Path(__file__).parent,
    paper=PAPER,
    licence="MIT",
    convert=convert,
    config_from_state=config_from_state,
)
