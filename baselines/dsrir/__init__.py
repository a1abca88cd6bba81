"""DSRIR: three subnets in a row, tied by uncertainty, for noise, rain and haze in one network (2025)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from baselines.entry_point import lazy, served, sizes_from, without_prefixes
from nas.models.baseline import Baseline

PAPER = (
    "X. Wang, X. Liu, Y. Yang, Z. Wang, X. He, H. Chen, Y. Li, P. Wang: DSRIR, Information Processing and "
    "Management (2025) 104380, doi 10.1016/j.ipm.2025.104380"
)
SUPPORTED = ("denoise_color_*", "derain", "dehaze", "all_in_one")


def config_for_task(task: str) -> dict[str, Any]:
    """The task's colour channels; a task DSRIR is not made for is a UsageError."""
    channels = served("dsrir", SUPPORTED, task).channels
    return {"in_c": channels, "out_c": channels}


#: Official names are ours; ``module.`` is a trace of several devices.
convert = without_prefixes("state.", "module.")

BASELINE = Baseline(
    name="dsrir",
    title="DSRIR (three subnets with uncertainty, all-in-one)",
    tasks=SUPPORTED,
    create=lazy("baselines.dsrir.model:create"),
    config_for_task=config_for_task,
    folder=Path(__file__).parent,
    paper=PAPER,
    licence="MIT",
    convert=convert,
    config_from_state=sizes_from("baselines.dsrir.infer:infer_config", convert, "DSRIR"),
    criterion=lazy("baselines.dsrir.criterion:criterion"),
    cost_output=(256, 256),
)
