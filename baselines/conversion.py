"""Renaming official state dicts, and loading them without silence."""

from __future__ import annotations

import torch
from torch import nn

from nas.errors import NasError

_WEIGHT_NORM = {
    "weight_g": "parametrizations.weight.original0",
    "weight_v": "parametrizations.weight.original1",
}
_SHOWN = 8


def strip_prefix(state: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    """Remove ``prefix`` from every key if all keys carry it."""
    if state and all(key.startswith(prefix) for key in state):
        return {key[len(prefix) :]: tensor for key, tensor in state.items()}
    return dict(state)


def modern_weight_norm(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """``x.weight_g``, ``x.weight_v`` under torch's parametrisation names; others unchanged."""
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


def load_strict(model: nn.Module, state: dict[str, torch.Tensor]) -> None:
    """Load ``state``; keys or shapes that do not fit are one NasError, and then nothing is changed."""
    own = model.state_dict()
    faults = [f"missing {key}" for key in own if key not in state]
    faults += [f"surplus {key}" for key in state if key not in own]
    faults += [
        f"{key} is {tuple(state[key].shape)} instead of {tuple(own[key].shape)}"
        for key in own
        if key in state and state[key].shape != own[key].shape
    ]
    if faults:
        shown = "; ".join(faults[:_SHOWN]) + (
            f"; and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
        )
        name = getattr(getattr(model, "descriptor", None), "name", type(model).__name__)
        raise NasError(
            f"the weights do not fit the model {name} ({len(faults)} of {len(own)} tensors differ: {shown}); "
            "check the model's configuration or convert official weights first"
        )
    model.load_state_dict(state)
