"""Construction of SPAN, and its official tensor names."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from baselines.release_keys import Rule, common_sizes, rename
from baselines.residual import residual_network
from baselines.span import BASELINE
from search_spaces.modern.settings import ResidualSettings, slot, uniform

RULES = (
    Rule("conv_1.", "head.", "conv3xc"),
    Rule("block_#.", "cells.#.slots.0.core.", "spab", first=1),
    Rule("conv_2.", "tail.spatial.", "conv3xc"),
    Rule("conv_cat.", "tail.join."),
    Rule("upsampler.0.", "up."),
)
#: The release stores with every re-parameterised convolution what it merges into, computed anew at each evaluation.
MERGED = ".eval_conv."


def settings(channels: int, n_blocks: int) -> ResidualSettings:
    """The network as a point of the skeleton ``residual``."""
    return uniform(
        channels,
        n_blocks,
        slot("operation", "spab"),
        residual="none",
        norm="none",
        tail="concat4",
        concat_last="inner",
        ends="reparameterised",
        input="centred",
    )


def create(channels: int = 48, n_blocks: int = 6, scale: int = 2, n_colors: int = 3) -> nn.Module:
    """A SPAN, freshly initialised.

    Args:
        channels: Channels between the cells.
        n_blocks: Cells.
        scale: 1 (equal size) or more.
        n_colors: 1 or 3.
    """
    config = {"channels": channels, "n_blocks": n_blocks, "scale": scale, "n_colors": n_colors}
    return residual_network(BASELINE, lambda: settings(channels, n_blocks), config)


def convert(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Official names to the platform's; the merged convolutions, which follow from the others, are left out."""
    return rename({key: tensor for key, tensor in state.items() if MERGED not in key}, RULES)


def infer_config(state: dict[str, torch.Tensor]) -> dict[str, Any]:
    """The keywords of the network that has exactly these tensors (names already converted)."""
    return common_sizes(state, "channels", head="head.expand.weight")
