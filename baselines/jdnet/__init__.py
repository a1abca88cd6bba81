"""JDNet: joint self-attention and scale aggregation for single-image rain removal (2020)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from baselines.entry_point import lazy, served
from nas.models.baseline import Baseline

PAPER = (
    "Wang, Wu, Su, Chen: Joint Self-Attention and Scale-Aggregation for Self-Calibrated Deraining Network, "
    "ACM Multimedia 2020, pp. 2517-2525"
)
SUPPORTED = ("derain",)


def config_for_task(task: str) -> dict[str, Any]:
    """Nothing to set for ``derain``; any other task is a UsageError."""
    served("jdnet", SUPPORTED, task)
    return {}


BASELINE = Baseline(
    name="jdnet",
    title="JDNet (joint self-attention and scale aggregation)",
    tasks=SUPPORTED,
    create=lazy("baselines.jdnet.model:create"),
    config_for_task=config_for_task,
    folder=Path(__file__).parent,
    paper=PAPER,
    licence="MIT",
    convert=lazy("baselines.jdnet.infer:convert"),
    config_from_state=lazy("baselines.jdnet.infer:infer_config"),
    criterion=lazy("baselines.jdnet.loss:criterion"),
)
