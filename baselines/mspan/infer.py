"""Reading MSPAN's sizes out of a state dict."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from nas.errors import NasError
from nas.models.weights import load_strict


def transfer(model: nn.Module, state: dict[str, torch.Tensor]) -> list[str]:
    """Load weights of another scale; only the last convolution differs and keeps its own values. Else a NasError."""
    return load_strict(model, state, "the weights", ("reconstruction.1.",))


def infer_config(state: dict[str, torch.Tensor]) -> dict[str, Any]:
    """The keywords of the network that has exactly these tensors.

    Sizes alone leave traces in the tensors; choices that change no count keep their defaults.

    Raises:
        NasError: The tensors are not those of an MSPAN.
    """
    shapes = {key: tuple(tensor.shape) for key, tensor in state.items()}
    restoration = "head.0.weight" in shapes
    body = "stages.0.block" if restoration else "blocks.0"
    head = "head.0.weight" if restoration else "head.weight"
    for needed in (head, f"{body}.au.0.weight", "tail.2.weight" if restoration else "reconstruction.1.weight"):
        if needed not in shapes:
            raise NasError(f"these weights are not an MSPAN (no tensor {needed!r}); check the file")
    width, channels = shapes[head][:2]
    config: dict[str, Any] = {
        "width": width,
        "distilled": shapes[f"{body}.au.0.weight"][0] - width,
        "n_blocks": _count(shapes, body.split(".")[0]),
        "n_pairs": _count(shapes, f"{body}.au"),
        "in_channels": channels,
        "scale": 1,
        "bias": head.replace("weight", "bias") in shapes,
        **_attention(shapes, f"{body}.attention"),
    }
    if restoration:
        config["mlp_ratio"] = shapes["stages.0.mlp.0.weight"][0] // width
    else:
        config["scale"] = round((shapes["reconstruction.1.weight"][0] / channels) ** 0.5)
    if f"{body}.act.weight" in shapes:
        config["activation"] = "prelu"
    return config


def _count(shapes: dict[str, tuple[int, ...]], prefix: str) -> int:
    at = prefix.count(".") + 1
    return 1 + max(int(key.split(".")[at]) for key in shapes if key.startswith(f"{prefix}."))


def _attention(shapes: dict[str, tuple[int, ...]], prefix: str) -> dict[str, Any]:
    if f"{prefix}.full_conv.weight" in shapes:
        rounds = _count(shapes, f"{prefix}.context_mid")
        width = shapes[f"{prefix}.channel_down.weight"][0]
        return {"attention": "mspa", "attn_width": width, "attn_interactions": rounds}
    if f"{prefix}.stride.weight" in shapes:
        return {"attention": "esa", "attn_width": shapes[f"{prefix}.channel_down.weight"][0]}
    return {"attention": "ca" if f"{prefix}.down.weight" in shapes else "none"}
