"""Construction of SMFANet and SMFANet+, and their official tensor names."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from baselines.release_keys import Rule, common_sizes, rename
from baselines.residual import residual_network
from baselines.smfanet import BASELINE
from baselines.smfanet.plus import BASELINE as PLUS
from search_spaces.modern.settings import ResidualSettings, slot, uniform

RULES = (
    Rule("to_feat.", "head."),
    Rule("feats.#.smfa.", "cells.#.slots.0.core.", "smfa"),
    Rule("feats.#.pcfn.", "cells.#.slots.1.core.", "pcfn"),
    Rule("to_img.0.", "up."),
)


def settings(dim: int, n_blocks: int, ffn_scale: int) -> ResidualSettings:
    """The network as a point of the skeleton ``residual``."""
    return uniform(dim, n_blocks, slot("modulation", "smfa"), slot("operation", "pcfn", expansion=ffn_scale))


def create(dim: int = 36, n_blocks: int = 8, ffn_scale: int = 2, scale: int = 2, n_colors: int = 3) -> nn.Module:
    """An SMFANet, freshly initialised.

    Args:
        dim: Channels.
        n_blocks: Cells.
        ffn_scale: Hidden channels of the FFN as a multiple of ``dim``.
        scale: 1 (equal size) or more.
        n_colors: 1 or 3.
    """
    config = {"dim": dim, "n_blocks": n_blocks, "ffn_scale": ffn_scale, "scale": scale, "n_colors": n_colors}
    return residual_network(BASELINE, lambda: settings(dim, n_blocks, ffn_scale), config)


def create_plus(dim: int = 48, n_blocks: int = 12, ffn_scale: int = 2, scale: int = 2, n_colors: int = 3) -> nn.Module:
    """An SMFANet+, freshly initialised; keywords as for ``create``."""
    config = {"dim": dim, "n_blocks": n_blocks, "ffn_scale": ffn_scale, "scale": scale, "n_colors": n_colors}
    return residual_network(PLUS, lambda: settings(dim, n_blocks, ffn_scale), config)


def convert(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Official names to the platform's."""
    return rename(state, RULES)


def infer_config(state: dict[str, torch.Tensor]) -> dict[str, Any]:
    """The keywords of the network that has exactly these tensors (names already converted)."""
    sizes = common_sizes(state, "dim")
    hidden = state["cells.0.slots.1.core.expand.weight"].shape[0]
    return {**sizes, "ffn_scale": hidden // sizes["dim"]}
