"""DLSN: super-resolution with global learnable attention over hashed positions (2022)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from baselines.entry_point import lazy, served, sizes_from, without_prefixes
from nas.models.baseline import Baseline

PAPER = (
    "Su, Gan, Chen, Yin, Chen: Global Learnable Attention for Single Image Super-Resolution, IEEE TPAMI "
    "(2022), doi 10.1109/TPAMI.2022.3229689"
)
SUPPORTED = ("sr_x2", "sr_x3", "sr_x4", "sr_x3_bd", "sr_x3_dn", "sr_x8")


def config_for_task(task: str) -> dict[str, Any]:
    """The task's scale; UsageError for anything but colour super-resolution."""
    return {"scale": served("dlsn", SUPPORTED, task).scale}


#: Official names are ours; ``module.`` is a trace of data parallelism.
convert = without_prefixes("state/", "state.", "module.")

BASELINE = Baseline(
    name="dlsn",
    title="DLSN (global learnable attention)",
    tasks=SUPPORTED,
    create=lazy("baselines.dlsn.model:DLSN"),
    config_for_task=config_for_task,
    folder=Path(__file__).parent,
    paper=PAPER,
    licence="MIT",
    convert=convert,
    config_from_state=sizes_from("baselines.dlsn.infer:infer_config", convert, "DLSN"),
    transfer=lazy("baselines.dlsn.infer:transfer"),
    further_costs=lazy("baselines.dlsn.infer:published_costs"),
)
