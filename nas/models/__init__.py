"""What a network is to the platform: its descriptor, the contract of a baseline, weights files, import and export.

Read first: ``nas/models/descriptor.py``. ``nas.models.optimize(model)`` gives the form of a network for inference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nas.models.optimizing import optimize as optimize

__all__ = ["optimize"]


def __getattr__(name: str) -> Any:
    if name == "optimize":  # when it is first used, so that importing this package costs no import of torch
        from nas.models.optimizing import optimize

        return optimize
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
