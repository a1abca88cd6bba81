"""Re-parameterised layers replaced by the plain ones that they amount to, for export, restoration and counting."""

from __future__ import annotations

import copy
from typing import Protocol, runtime_checkable

from torch import nn


@runtime_checkable
class Mergeable(Protocol):
    """A layer whose parameters are factors of what it computes."""

    def merged(self) -> nn.Module:
        """A plain layer that computes the same, up to rounding, with weights of its own."""


def has_mergeable(model: nn.Module) -> bool:
    """Whether a network has a layer that ``merge`` would replace."""
    return any(isinstance(module, Mergeable) for module in model.modules())


def merge(model: nn.Module) -> nn.Module:
    """A copy of a network in which every mergeable layer is merged.

    Args:
        model: The network; it is not changed. What else it carries, its descriptor among it, is copied with it.

    Returns:
        A network that computes the same up to rounding; the tensors of merged layers have other names, so that it does
        not take the weights of ``model``. A network without mergeable layers is copied as it is.
    """
    if isinstance(model, Mergeable):
        return model.merged()
    twin = copy.deepcopy(model)
    _merge_children(twin)
    return twin


def _merge_children(module: nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, Mergeable):
            setattr(module, name, child.merged().train(child.training))
        else:
            _merge_children(child)
