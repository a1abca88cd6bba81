"""A copy of a network on which shapes can be traced without touching the network itself."""

from __future__ import annotations

import copy
from typing import Any

from torch import Tensor, nn


def copy_for_trace(model: nn.Module, meta: bool = False) -> nn.Module:
    """Copy a network, so that no cache of the original keeps a tensor of the trace.

    A weight that an old-style weight norm computed in an earlier forward pass is no leaf and refuses to be copied; the
    copy computes it anew.

    Args:
        model: Any network; it is left as it is.
        meta: Put parameters and buffers on torch's device "meta", where tensors have shapes but no values.

    Returns:
        The copy, with the training flags of the original.
    """
    replaced: dict[int, Any] = {
        id(t): t.detach().clone()
        for module in model.modules()
        for t in module.__dict__.values()
        if isinstance(t, Tensor) and not t.is_leaf
    }
    if meta:
        replaced = {key: t.to("meta") for key, t in replaced.items()}
        replaced |= {id(p): nn.Parameter(p.detach().to("meta"), p.requires_grad) for p in model.parameters()}
        replaced |= {id(b): b.detach().to("meta") for b in model.buffers()}
    return copy.deepcopy(model, memo=replaced)
