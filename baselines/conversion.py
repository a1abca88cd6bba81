"""Renaming official state dicts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_WEIGHT_NORM = {
    "weight_g": "parametrizations.weight.original0",
    "weight_v": "parametrizations.weight.original1",
}


def strip_prefix(state: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    """The same tensors, the prefix removed from their names if all carry it."""
    if state and all(key.startswith(prefix) for key in state):
        return {key[len(prefix) :]: tensor for key, tensor in state.items()}
    return dict(state)


def modern_weight_norm(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The same tensors, ``x.weight_g`` and ``x.weight_v`` renamed as torch's parametrisations call them."""
    return {_swap_last(key, _WEIGHT_NORM): tensor for key, tensor in state.items()}


def classic_weight_norm(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The inverse of ``modern_weight_norm``: keys as older torch versions wrote them."""
    renamed: dict[str, torch.Tensor] = {}
    for key, tensor in state.items():
        for old, new in _WEIGHT_NORM.items():
            if key.endswith(new):
                key = key.removesuffix(new) + old
        renamed[key] = tensor
    return renamed


def _swap_last(key: str, names: dict[str, str]) -> str:
    stem, dot, last = key.rpartition(".")
    return f"{stem}{dot}{names.get(last, last)}"
