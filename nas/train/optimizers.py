"""The optimisers that settings can name."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from nas.config.training import OptimizerSettings


def make_optimizer(parameters: Iterable[nn.Parameter], chosen: OptimizerSettings) -> torch.optim.Adam:
    """Adam (decay as a part of the gradient) or AdamW (Loshchilov and Hutter, 2019: decay of the weights)."""
    kind: type[torch.optim.Adam] = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[chosen.name]
    return kind(parameters, chosen.lr, betas=chosen.betas, eps=chosen.eps, weight_decay=chosen.weight_decay)
