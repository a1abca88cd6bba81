"""Calling a network: its descriptor, its final image, the sizes it takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from nas.errors import NasError, UsageError
from nas.models.descriptor import ModelDescriptor


def describe(model: nn.Module) -> ModelDescriptor:
    """The model's own descriptor; a module without one is a UsageError."""
    descriptor = getattr(model, "descriptor", None)
    if not isinstance(descriptor, ModelDescriptor):
        raise UsageError(
            f"{type(model).__name__} carries no descriptor (scale, channels, value range); "
            "set model.descriptor = nas.models.descriptor.ModelDescriptor(...)"
        )
    return descriptor


def final_image(output: Any) -> Tensor:
    """The restored image of what a network returned: a tensor, or a mapping's ``restored``."""
    if isinstance(output, Mapping):
        output = output.get("restored")
    if not isinstance(output, Tensor):
        raise NasError("the network returned neither a tensor nor a dict with 'restored'; mend its forward")
    return output


def allowed_size(size: int, multiple: int, least: int = 1) -> int:
    """The smallest multiple of ``multiple`` that is neither below ``size`` nor below ``least``."""
    return -(-max(size, least) // multiple) * multiple


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode, and each module's own training flag back afterwards."""
    flags = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, flag in flags:
            module.training = flag
