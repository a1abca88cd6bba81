"""The reference of equal-size restoration without a network: the degraded image as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from nas.errors import UsageError
from nas.models.baseline import Baseline
from nas.models.descriptor import ModelDescriptor
from nas.registry import TASKS

_TASKS = ("denoise_*", "jpeg_*", "derain", "dehaze", "deblur", "all_in_one")


class Identity(nn.Module):
    """Returns its input, (N, C, H, W) -> same."""

    def __init__(self, n_colors: int = 3) -> None:
        super().__init__()
        self.descriptor = ModelDescriptor("identity", 1, n_colors, tasks=_TASKS, config={"n_colors": n_colors})

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return image


def config_for_task(task: str) -> dict[str, Any]:
    """The task's colour channels; a task that changes the size is a UsageError."""
    wanted = TASKS.get(task)
    if wanted.scale != 1:
        raise UsageError(f"the identity cannot enlarge, as task {task!r} asks; use the model bicubic")
    return {"n_colors": wanted.channels}


BASELINE = Baseline(
    name="identity",
    title="The degraded image itself",
    tasks=_TASKS,
    create=Identity,
    config_for_task=config_for_task,
    folder=Path(__file__).parent,
    trainable=False,
)
