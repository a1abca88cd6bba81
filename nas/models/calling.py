"""Calling a network: its descriptor, its final image, the sizes it takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn

from nas.errors import NasError, UsageError
from nas.models.descriptor import ModelDescriptor


@runtime_checkable
class RestorationModel(Protocol):
    """What every network is, derived or baseline, besides an ``nn.Module``.

    Attributes:
        descriptor: What its callers must know of it.
    """

    descriptor: ModelDescriptor

    def __call__(self, image: Tensor) -> Any:
        """Restore a batch.

        Args:
            image: Degraded images (N, channels, H, W) on the model's own value range.

        Returns:
            The restored images (N, channels, scale * H, scale * W), or of a network with several outputs a mapping
            whose ``restored`` they are.
        """


def descriptor_of(model: nn.Module) -> ModelDescriptor:
    """The descriptor of a network.

    Raises:
        UsageError: The module carries none.
    """
    if not isinstance(model, RestorationModel) or not isinstance(model.descriptor, ModelDescriptor):
        raise UsageError(
            f"{type(model).__name__} carries no descriptor (scale, channels, value range); "
            "set model.descriptor = nas.models.descriptor.ModelDescriptor(...)"
        )
    return model.descriptor


def final_image(output: Any) -> Tensor:
    """The restored images among what a network returned.

    Args:
        output: A tensor, or a mapping whose ``restored`` is one.

    Returns:
        That tensor, as it is.

    Raises:
        NasError: There is no such tensor.
    """
    if isinstance(output, Mapping):
        output = output.get("restored")
    if not isinstance(output, Tensor):
        raise NasError("the network returned neither a tensor nor a dict with 'restored'; correct its forward")
    return output


def allowed_size(size: int, multiple: int, least: int = 1) -> int:
    """The smallest multiple of ``multiple`` that is neither below ``size`` nor below ``least`` (pixels)."""
    return -(-max(size, least) // multiple) * multiple


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put a network into evaluation mode for the time of the block; each module gets its own mode back."""
    training = [module for module in model.modules() if module.training]
    if training:
        model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True
