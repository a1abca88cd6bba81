"""The optimisers that settings can name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from nas.config.training import OptimizerSettings
from nas.train.finite import guard
from nas.train.stacked_adam import StackedAdam, StackedAdamW


def make_optimizer(
    parameters: Iterable[nn.Parameter],
    chosen: OptimizerSettings,
    what: str = "the weights",
    fused: bool = False,
) -> torch.optim.Adam:
    """The optimiser that settings name; it raises ``NonFiniteError`` before a step along a gradient that is not finite.

    Args:
        parameters: What it updates.
        chosen: "adam" (decay as a part of the gradient) or "adamw" (decay of the weights; Loshchilov and Hutter, ICLR
            2019), with its settings.
        what: What it updates, for the message.
        fused: One operation for all parameters: much faster for many small ones, equal up to rounding.
    """
    kinds: dict[str, type[torch.optim.Adam]] = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
    if fused:
        kinds = {"adam": StackedAdam, "adamw": StackedAdamW}
    kind = kinds[chosen.name]
    made = kind(
        parameters,
        chosen.lr,
        betas=chosen.betas,
        eps=chosen.eps,
        weight_decay=chosen.weight_decay,
        fused=fused or None,
    )
    guard(made, what)
    return made


def restore_optimizer(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Take up the moments of a saved optimiser; rate, decay and the like stay those of the present settings.

    Args:
        optimizer: Made from the present settings, for the same parameters in the same order.
        state: Its ``state_dict`` when it was saved.
    """
    own = [{k: v for k, v in group.items() if k != "params"} for group in optimizer.param_groups]
    optimizer.load_state_dict(state)
    for group, settings in zip(optimizer.param_groups, own, strict=True):
        group.update(settings)
