"""JSNet: the network found by joint search of operation and attention blocks (2022), and any one like it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from baselines.entry_point import lazy, served, sizes_from
from nas.models.baseline import Baseline

PAPER = (
    "Shen, Liao, Zhao, Tian, Huang: Joint Operation and Attention Block Search for Lightweight Image "
    "Restoration, Pattern Recognition 132 (2022) 108909"
)
SUPPORTED = ("sr_*", "denoise_*", "jpeg_*", "derain", "dehaze", "deblur", "all_in_one")


def config_for_task(task: str) -> dict[str, Any]:
    """Scale and channels of the task; equal-size tasks add the input image to the output."""
    wanted = served("jsnet", SUPPORTED, task)
    return {"scale": wanted.scale, "n_colors": wanted.channels, "image_residual": wanted.scale == 1}


convert = lazy("baselines.jsnet.infer:convert")

BASELINE = Baseline(
    name="jsnet",
    title="JSNet (joint operation and attention search)",
    tasks=SUPPORTED,
    create=lazy("baselines.jsnet.model:create"),
    config_for_task=config_for_task,
    folder=Path(__file__).parent,
    paper=PAPER,
    licence="MIT",
    convert=convert,
    config_from_state=sizes_from("baselines.jsnet.infer:infer_config", convert, "JSNet"),
    transfer=lazy("baselines.jsnet.infer:transfer"),
    aliases={"cells": "layers", "width": "C"},
)
