"""Construction of LKMN, and its official tensor names."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from baselines.lkmn import BASELINE
from baselines.release_keys import Rule, common_sizes, rename
from baselines.residual import residual_network
from search_spaces.modern.settings import ResidualSettings, slot, uniform

RULES = (
    Rule("conv_first.", "head."),
    Rule("layers.#.norm1.", "cells.#.slots.0.norm."),
    Rule("layers.#.HFDB.", "cells.#.slots.0.core.", "lk_distil_mix"),
    Rule("layers.#.norm2.", "cells.#.slots.1.norm."),
    Rule("layers.#.CGFN.", "cells.#.slots.1.core.", "lk_crossgate"),
    Rule("conv.", "tail.spatial."),
    Rule("upsampler.0.", "up."),
)


def settings(channels: int, n_blocks: int, kernel: int) -> ResidualSettings:
    """The network as a point of the skeleton ``residual``."""
    slots = (slot("operation", "lk_distil_mix", kernel=kernel), slot("modulation", "lk_crossgate", kernel=kernel))
    return uniform(channels, n_blocks, *slots, norm="layer", tail="dw")


def create(channels: int = 36, n_blocks: int = 8, kernel: int = 31, scale: int = 2, n_colors: int = 3) -> nn.Module:
    """An LKMN-T, freshly initialised.

    Args:
        channels: Channels between the cells.
        n_blocks: Cells.
        kernel: Length of the strips in pixels.
        scale: 1 (equal size) or more.
        n_colors: 1 or 3.
    """
    config = {"channels": channels, "n_blocks": n_blocks, "kernel": kernel, "scale": scale, "n_colors": n_colors}
    return residual_network(BASELINE, lambda: settings(channels, n_blocks, kernel), config)


def convert(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Official names to the platform's."""
    return rename(state, RULES)


def infer_config(state: dict[str, torch.Tensor]) -> dict[str, Any]:
    """The keywords of the network that has exactly these tensors (names already converted)."""
    kernel = int(state["cells.0.slots.0.core.steps.0.strip.across.weight"].shape[-1])
    return {**common_sizes(state, "channels"), "kernel": kernel}
