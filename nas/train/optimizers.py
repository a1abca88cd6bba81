"""The optimisers that settings can name."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from nas.config.training import OptimizerSettings
from nas.train.finite import guard


def make_optimizer(
    parameters: Iterable[nn.Parameter], chosen: OptimizerSettings, what: str = "the weights"
) -> torch.optim.Adam:
    """The optimiser that settings name; it raises ``NonFiniteError`` before a step along a gradient that is not finite.

    Args:
        parameters: What it updates.
        chosen: "adam" (decay as a part of the gradient) or "adamw" (decay of the weights; Loshchilov and Hutter, ICLR
            2019), with its settings.
        what: What it updates, for the message.
    """
    kind: type[torch.optim.Adam] = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[chosen.name]
    made = kind(parameters, chosen.lr, betas=chosen.betas, eps=chosen.eps, weight_decay=chosen.weight_decay)
    guard(made, what)
    return made
