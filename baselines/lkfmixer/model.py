"""Construction of LKFMixer, and its official tensor names."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from baselines.lkfmixer import BASELINE
from baselines.lkfmixer.tiny import BASELINE as TINY
from baselines.release_keys import Rule, common_sizes, rename
from baselines.residual import residual_network
from nas.errors import UsageError
from search_spaces.modern.settings import ResidualSettings, slot, uniform

#: Share of the channels that the strips see; the blocks know no other.
SPLIT = 0.25
RULES = (
    Rule("conv_first.", "head."),
    Rule("layers.layers.#.FDB.", "cells.#.slots.0.core.", "lk_distil"),
    Rule("layers.layers.#.SFMB.", "cells.#.slots.1.core.", "lk_modulate"),
    Rule("layers.layers.#.FSB.", "cells.#.slots.2.core.", "lk_select"),
    Rule("conv.", "tail.spatial."),
    Rule("upsampler.upsampleOneStep.0.", "up."),
)


def settings(channels: int, n_blocks: int, kernel: int, split_factor: float) -> ResidualSettings:
    """The network as a point of the skeleton ``residual``."""
    if split_factor != SPLIT:
        raise UsageError(f"split_factor must be {SPLIT}, not {split_factor!r}")
    slots = (
        slot("operation", "lk_distil", kernel=kernel),
        slot("modulation", "lk_modulate", kernel=kernel),
        slot("modulation", "lk_select", kernel=kernel),
    )
    return uniform(channels, n_blocks, *slots, residual="cell", norm="none", tail="dw")


def create(
    channels: int = 48,
    n_blocks: int = 8,
    kernel: int = 31,
    split_factor: float = SPLIT,
    scale: int = 2,
    n_colors: int = 3,
) -> nn.Module:
    """An LKFMixer-B, freshly initialised.

    Args:
        channels: Channels between the cells.
        n_blocks: Cells.
        kernel: Length of the strips in pixels.
        split_factor: Share of the channels that the strips see, 0.25.
        scale: 1 (equal size) or more.
        n_colors: 1 or 3.
    """
    config = {"channels": channels, "n_blocks": n_blocks, "kernel": kernel, "split_factor": split_factor}
    config |= {"scale": scale, "n_colors": n_colors}
    return residual_network(BASELINE, lambda: settings(channels, n_blocks, kernel, split_factor), config)


def create_tiny(
    channels: int = 40,
    n_blocks: int = 6,
    kernel: int = 31,
    split_factor: float = SPLIT,
    scale: int = 2,
    n_colors: int = 3,
) -> nn.Module:
    """An LKFMixer-T, freshly initialised; keywords as for ``create``."""
    config = {"channels": channels, "n_blocks": n_blocks, "kernel": kernel, "split_factor": split_factor}
    config |= {"scale": scale, "n_colors": n_colors}
    return residual_network(TINY, lambda: settings(channels, n_blocks, kernel, split_factor), config)


def convert(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Official names to the platform's."""
    return rename(state, RULES)


def infer_config(state: dict[str, torch.Tensor]) -> dict[str, Any]:
    """The keywords of the network that has exactly these tensors (names already converted)."""
    kernel = int(state["cells.0.slots.0.core.steps.0.strip.across.weight"].shape[-1])
    return {**common_sizes(state, "channels"), "kernel": kernel}
