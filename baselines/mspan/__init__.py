"""MSPAN: lightweight super-resolution with multi-semantic pixel attention, reconstructed from its publication."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from baselines.entry_point import lazy, served, sizes_from, without_prefixes
from nas.models.baseline import Baseline

PAPER = "Lightweight Image Super-Resolution with Multi-Semantic Guidance (MSPAN); reconstruction, no code released"
RESTORATION_TASKS = ("denoise_*", "derain")
SUPPORTED = ("sr_x2", "sr_x3*", "sr_x4", "sr_x8", "sr_gray_x*", *RESTORATION_TASKS)


def config_for_task(task: str) -> dict[str, Any]:
    """Scale and channels of the task; scale 1 is the restoration network. Other tasks are UsageErrors."""
    wanted = served("mspan", SUPPORTED, task)
    return {"scale": wanted.scale, "in_channels": wanted.channels, "out_channels": wanted.channels}


#: There are no official names: no weights were released.
convert = without_prefixes("state.", "module.")

BASELINE = Baseline(
    name="mspan",
    title="MSPAN (multi-semantic pixel attention; reconstruction)",
    tasks=SUPPORTED,
    create=lazy("baselines.mspan.model:create"),
    config_for_task=config_for_task,
    folder=Path(__file__).parent,
    paper=PAPER,
    licence="MIT",
    convert=convert,
    config_from_state=sizes_from("baselines.mspan.infer:infer_config", convert, "MSPAN"),
    criterion=lazy("baselines.mspan.criterion:criterion"),
    transfer=lazy("baselines.mspan.infer:transfer"),
)
