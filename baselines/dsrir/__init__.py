"""DSRIR: three subnets in a row, tied by uncertainty, for noise, rain and haze in one network (2025)."""

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

    from nas.baseline import Criterion

PAPER = (
    "X. Wang, X. Liu, Y. Yang, Z. Wang, X. He, H. Chen, Y. Li, P. Wang: DSRIR, Information Processing and "
    "Management (2025) 104380, doi 10.1016/j.ipm.2025.104380"
)
_TASKS = ("denoise_color_*", "derain", "dehaze", "all_in_one")


def create(**config: Any) -> nn.Module:
    """A DSRIR; see ``baselines.dsrir.model.create`` for the keywords."""
    from baselines.dsrir.model import create as build

    return build(**config)


def config_for_task(task: str) -> dict[str, Any]:
    """The task's colour channels; a task DSRIR is not made for is a UsageError."""
    wanted = TASKS.get(task)
    if not any(fnmatchcase(task, pattern) for pattern in _TASKS):
        raise UsageError(
            f"dsrir does not serve task {task!r}: it keeps the size and works on colour; "
            f"choose one of {', '.join(_TASKS)}"
        )
    return {"in_c": wanted.channels, "out_c": wanted.channels}


def convert(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Official keys are ours; only the prefixes ``state.`` and ``module.`` (several devices) are removed."""
    return strip_prefix(strip_prefix(state, "state."), "module.")


def config_from_state(state: dict[str, torch.Tensor]) -> dict[str, Any]:
    """Widths, steps, kernel, reduction and bias read from the tensors of a checkpoint."""
    from baselines.dsrir.infer import infer_config

    return infer_config(convert(state))


def criterion(model: nn.Module, options: dict[str, Any]) -> Criterion:
    """The three-part loss of DSRIR; see ``baselines.dsrir.criterion.DSRIRCriterion`` for the options."""
    from baselines.dsrir.criterion import DSRIRCriterion

    return DSRIRCriterion.from_options(options)


BASELINE = Baseline(
    name="dsrir",
    title="DSRIR (three subnets with uncertainty, all-in-one)",
    tasks=_TASKS,
    create=create,
    config_for_task=config_for_task,
    folder=Path(__file__).parent,
    paper=PAPER,
    licence="MIT",
    convert=convert,
    config_from_state=config_from_state,
    criterion=criterion,
)
