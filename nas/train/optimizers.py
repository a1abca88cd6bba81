"""The optimisers that settings can name."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from nas.config.training import OptimizerSettings


def make_optimizer(
    parameters: Iterable[nn.Parameter], chosen: OptimizerSettings, fused: bool = False
) -> torch.optim.Adam:
    """The optimiser that settings name.

    Args:
        parameters: What it updates.
        chosen: "adam" (decay as a part of the gradient) or "adamw" (decay of the weights; Loshchilov and Hutter, ICLR
            2019), with its settings.
        fused: One operation for all parameters: much faster for many small ones, equal up to rounding.
    """
    kind: type[torch.optim.Adam] = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[chosen.name]
    return kind(
        parameters,
        chosen.lr,
        betas=chosen.betas,
        eps=chosen.eps,
        weight_decay=chosen.weight_decay,
        fused=fused or None,
    )
