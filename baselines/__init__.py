"""Fixed networks of published papers: create them, convert official weights, load them strictly.

Each baseline is a package that exposes ``BASELINE`` (see nas.models.baseline) and is found by its entry point.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nas.registry import BASELINES

if TYPE_CHECKING:
    import torch
    from torch import nn

__all__ = ["convert", "create", "load_strict"]


def create(name: str, **config: Any) -> nn.Module:
    """A new baseline network; without keywords the published full model. Unknown names are UsageErrors."""
    model: nn.Module = BASELINES.get(name).create(**config)
    return model


def convert(name: str, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """An official state dict (keys may carry the prefix ``state.``) under our names; nothing is dropped."""
    converted: dict[str, torch.Tensor] = BASELINES.get(name).convert(dict(state))
    return converted


def load_strict(model: nn.Module, state: dict[str, torch.Tensor]) -> None:
    """Load a state dict in which every key and shape fits; otherwise a NasError that lists what does not."""
    from nas.models.weights import load_strict as load

    load(model, state)
