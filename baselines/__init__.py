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
    """A new baseline network, freshly initialised.

    Args:
        name: Name of the baseline.
        config: Its keywords; without any the full published model.

    Raises:
        UsageError: The name or a keyword is unknown, or a value is impossible.
    """
    model: nn.Module = BASELINES.get(name).create(**config)
    return model


def convert(name: str, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """An official state dict under the platform's names.

    Args:
        name: Name of the baseline.
        state: Tensors by their official names, which may carry the prefix ``state.``; not changed.

    Returns:
        All of them by the names of ``create(name, ...)``.
    """
    converted: dict[str, torch.Tensor] = BASELINES.get(name).convert(dict(state))
    return converted


def load_strict(model: nn.Module, state: dict[str, torch.Tensor]) -> None:
    """Load a state dict in which every name and shape fits.

    Raises:
        NasError: Some do not; the message lists them, and the model is unchanged.
    """
    from nas.models.weights import load_strict as load

    load(model, state)
