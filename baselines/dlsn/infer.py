"""Reading the sizes of a DLSN out of its tensors, and carrying weights over to another scale."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from baselines.dlsn.ends import DIV2K_MEAN
from nas.models.calling import descriptor_of
from nas.models.weights import load_strict

#: What may differ between two scales: the layers of the upsampler.
SCALE_LAYERS = ("tail.0.",)


def infer_config(state: dict[str, torch.Tensor]) -> dict[str, Any]:
    """The keywords that these tensors fix (names already converted); KeyError names a tensor that is missing."""
    groups = sum(key.startswith("body.") and key.endswith(".conv_match.0.weight") for key in state)
    inner = {int(key.split(".")[3]) for key in state if key.startswith("body.0.body.")}
    blocks = max(inner) - 1  # residual blocks, then the attention, then a convolution
    query, width = state[f"body.0.body.{blocks}.conv_match.0.weight"].shape[:2]
    enlargements = [key for key in state if key.startswith("tail.0.") and key.endswith(".weight")]
    nine = bool(enlargements) and state["tail.0.0.weight"].shape[0] == 9 * width
    return {
        "n_resgroups": groups,
        "n_resblocks": blocks,
        "n_feats": int(width),
        "reduction": int(width // query),
        "chunk_size": int(state[f"body.0.body.{blocks}.fc.0.weight"].shape[0]),
        "scale": 3 if nine else 2 ** len(enlargements),
        "rgb_range": round(float(state["add_mean.bias"][0]) / DIV2K_MEAN[0], 3),
        "n_colors": int(state["head.0.weight"].shape[1]),
    }


def transfer(model: nn.Module, state: dict[str, torch.Tensor]) -> list[str]:
    """Load weights of another scale (specification section 5); returns the names that kept their own values.

    Only the upsampler may be absent or of another shape; any other difference is a NasError and then nothing
    is changed.
    """
    return load_strict(model, state, "the weights", SCALE_LAYERS)


def published_costs(model: nn.Module, costs: Any, size: tuple[int, int]) -> dict[str, int]:
    """Multiply-adds of the published operations for an input of ``size`` (specification section 4.2).

    They work the learned score out after sorting, for every chunk and its two neighbours in every round: 3h
    times on the padded length L + p, where here it is worked out once per pixel.
    """
    config = descriptor_of(model).config
    C, k, length = config["n_feats"], config["chunk_size"], size[0] * size[1]
    padded = -(-length // k) * k
    once, published = (C * k + k * k) * length, 3 * config["n_hashes"] * (C * k + k * k) * padded
    total = costs.multiply_adds_total + config["n_resgroups"] * (published - once)
    return {"learned score after sorting, as published": total}
