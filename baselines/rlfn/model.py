"""Construction of RLFN, and its official tensor names."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from baselines.release_keys import Rule, common_sizes, rename
from baselines.residual import residual_network
from baselines.rlfn import BASELINE
from baselines.rlfn.small import BASELINE as SMALL
from search_spaces.modern.settings import ResidualSettings, slot, uniform

RULES = (
    Rule("conv_1.", "head."),
    Rule("block_#.esa.", "cells.#.slots.1.core.", "esa", first=1),
    Rule("block_#.", "cells.#.slots.0.core.", "rlfb_core", first=1),
    Rule("conv_2.", "tail.spatial."),
    Rule("upsampler.0.", "up."),
)


def settings(channels: int, n_blocks: int) -> ResidualSettings:
    """The network as a point of the skeleton ``residual``."""
    slots = (slot("operation", "rlfb_core"), slot("modulation", "esa"))
    return uniform(channels, n_blocks, *slots, residual="none", norm="none", tail="conv3", value_range=255)


def create(channels: int = 52, n_blocks: int = 6, scale: int = 2, n_colors: int = 3) -> nn.Module:
    """An RLFN, freshly initialised.

    Args:
        channels: Channels between the cells.
        n_blocks: Cells.
        scale: 1 (equal size) or more.
        n_colors: 1 or 3.
    """
    config = {"channels": channels, "n_blocks": n_blocks, "scale": scale, "n_colors": n_colors}
    return residual_network(BASELINE, lambda: settings(channels, n_blocks), config)


def create_small(channels: int = 48, n_blocks: int = 6, scale: int = 2, n_colors: int = 3) -> nn.Module:
    """An RLFN-S, freshly initialised; keywords as for ``create``."""
    config = {"channels": channels, "n_blocks": n_blocks, "scale": scale, "n_colors": n_colors}
    return residual_network(SMALL, lambda: settings(channels, n_blocks), config)


def convert(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Official names to the platform's."""
    return rename(state, RULES)


def infer_config(state: dict[str, torch.Tensor]) -> dict[str, Any]:
    """The keywords of the network that has exactly these tensors (names already converted)."""
    return common_sizes(state, "channels")
