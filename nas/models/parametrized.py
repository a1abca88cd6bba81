"""Networks without parametrisations: weight norms computed once."""

from __future__ import annotations

import copy
from typing import cast

from torch import nn
from torch.nn.utils import parametrize


def without_parametrizations(model: nn.Module) -> nn.Module:
    """Copy a network, with its parametrised weights (weight norm) computed once and plain in the copy."""
    own = copy.deepcopy(model)
    for module in list(own.modules()):
        if not parametrize.is_parametrized(module):
            continue
        names = cast(nn.ModuleDict, module.parametrizations)
        values = {name: getattr(module, name).detach() for name in names}
        # by hand: torch's own removal would take the property off the class, which the original shares
        del module._modules["parametrizations"]
        module.__class__ = type(module).__bases__[0]
        for name, value in values.items():
            module.register_parameter(name, nn.Parameter(value))
        module._load_state_dict_pre_hooks.clear()  # weight norm leaves a local function there
    return own
