"""The reference of super-resolution without a network: MATLAB's bicubic enlargement."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from nas.errors import UsageError
from nas.models.baseline import Baseline
from nas.models.descriptor import ModelDescriptor
from nas.registry import TASKS
from search_spaces.upsample import bicubic_enlarge


class Bicubic(nn.Module):
    """(N, C, H, W) -> (N, C, scale*H, scale*W): MATLAB's imresize, values in 0..255.

    Cubic kernel a = -0.5, symmetric border, rows first. Three channels are enlarged as a uint8 image is, rounded
    to 8 bits after each pass; one channel as a plane of class double, not rounded.
    """

    def __init__(self, scale: int = 2, n_colors: int = 3) -> None:
        super().__init__()
        if scale < 1 or scale != int(scale):
            raise UsageError(f"bicubic enlarges by whole factors from 1, not by {scale}")
        self.scale = scale
        self.descriptor = ModelDescriptor(
            "bicubic", scale, n_colors, tasks=("sr_*",), config={"scale": scale, "n_colors": n_colors}
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return bicubic_enlarge(image, self.scale, eight_bit=self.descriptor.channels == 3)


def config_for_task(task: str) -> dict[str, Any]:
    """The task's scale and colour channels."""
    wanted = TASKS.get(task)
    return {"scale": wanted.scale, "n_colors": wanted.channels}


BASELINE = Baseline(
    name="bicubic",
    title="Bicubic enlargement (MATLAB kernel)",
    tasks=("sr_*",),
    create=Bicubic,
    config_for_task=config_for_task,
    folder=Path(__file__).parent,
    paper="Keys, Cubic convolution interpolation for digital image processing, IEEE TASSP 29(6), 1981",
    trainable=False,
)
