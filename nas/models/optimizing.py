"""Networks rewritten for inference: the same function, computed in fewer and cheaper steps.

``optimize`` copies a network and rewrites the copy from the top down. A module that knows a better form of itself says
so by a method ``optimized`` (see ``Rewritable``), or by an attribute ``inference_form`` = "module:name" of its class,
which names what makes the form of the module that it is called with; the rewriter knows no network and no block. For
all others there are general rules: parametrised weights are computed once, a convolution takes its activation with it,
and a chain of convolutions and pixel shuffles becomes one convolution.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from importlib import import_module
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from nas.errors import NasError, UsageError
from nas.models.calling import allowed_size, descriptor_of, final_image
from nas.models.inference_layers import Activation, FusedConv, collapsed, plain_convolution
from nas.models.parametrized import without_parametrizations


@runtime_checkable
class Rewritable(Protocol):
    """A module with a form for inference."""

    def optimized(self) -> nn.Module:
        """A module that computes what this one computes in evaluation mode, without gradient.

        It is called on a copy of the module that nobody else holds, with parametrised weights computed, so children
        may be taken over; ``rewritten`` gives the form of a child. It may return the module itself.
        """


class OptimizedModel(nn.Module):
    """A network rewritten by ``optimize``, for inference only; it works in the memory order (H, W, C).

    Attributes:
        descriptor: That of the network.
    """

    def __init__(self, network: nn.Module, original: nn.Module) -> None:
        super().__init__()
        self.descriptor = descriptor_of(original)
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in types
        super().train(False)

    def train(self, mode: bool = True) -> OptimizedModel:
        """UsageError for training mode: weights are folded, and no gradient reaches them."""
        if mode:
            raise UsageError(
                f"the optimised {self.descriptor.name} cannot be trained, its weights are folded; train the network "
                "that it was made from"
            )
        return self

    def forward(self, image: Tensor) -> Any:
        """What the network returns for images (N, C, H, W); no gradient is recorded."""
        with torch.no_grad():
            return self.network(image.contiguous(memory_format=torch.channels_last))


def optimize(model: nn.Module) -> nn.Module:
    """The same network, rewritten for inference.

    Equal but for the order of rounding, which is checked here: both forms run in float64 on a small image. The result
    works on every device and number type; what is fused into single calls depends on them (see
    ``nas.models.inference_layers``).

    Args:
        model: A network with a descriptor, in any mode; it is not changed, and later changes of its weights are not
            seen by the result. Batch normalisation is taken as in evaluation.

    Returns:
        A network with the same descriptor, in evaluation mode. Its tensors are its own and have other names; it records
        no gradient and refuses training mode. A network in which nothing can be rewritten is returned as a copy in
        evaluation mode.

    Raises:
        UsageError: The model has no descriptor.
        NasError: The rewritten network computes something else, as one of its modules uses its children otherwise than
            the rules assume.
    """
    descriptor_of(model)
    if isinstance(model, OptimizedModel):
        return copy.deepcopy(model)
    with torch.inference_mode(False), torch.no_grad():  # so that its tensors are ordinary ones wherever it is called
        own = _copy(model)
        before = _classes(own)
        network = rewritten(own)
        if _classes(network) == before:
            return network
        _check(model)
        return OptimizedModel(network, model)


def _copy(model: nn.Module) -> nn.Module:
    return without_parametrizations(model).eval().requires_grad_(False)


def _classes(model: nn.Module) -> list[type[nn.Module]]:
    return [type(module) for module in model.modules()]


#: largest difference of the two forms in float64, as a share of the largest value of the image
EXACT = 1e-9
#: side in pixels of the image on which they are compared
_SIDE = 16


def _check(model: nn.Module) -> None:
    """Raise NasError unless the rewritten network computes what the network computes."""
    d = descriptor_of(model)
    double = _copy(model).double()
    device = next((t.device for t in (*model.parameters(), *model.buffers())), torch.device("cpu"))
    height, width = (allowed_size(side, d.size_multiple, d.min_size) for side in (_SIDE, _SIDE + d.size_multiple))
    generator = torch.Generator().manual_seed(0)
    image = (
        torch.rand(1, d.channels, height, width, generator=generator, dtype=torch.float64).to(device) * d.value_range
    )
    wanted = final_image(double(image))
    found = final_image(OptimizedModel(rewritten(double), model)(image))
    difference = (found - wanted).abs().max() / wanted.abs().max().clamp_min(1e-30)
    if found.shape != wanted.shape or not difference <= EXACT:
        raise NasError(
            f"{d.name} cannot be optimised: its rewritten form differs by {float(difference):.1e}, as one of its "
            "modules uses the layers of a sequence one by one; give that module a method 'optimized' that returns "
            "itself, or use --plain"
        )


def rewritten(module: nn.Module) -> nn.Module:
    """The form for inference of a module that nobody else holds; the module is used up."""
    return _rewritten(module, {})


def _rewritten(module: nn.Module, known: dict[int, nn.Module]) -> nn.Module:
    """``known``: what became of the modules met before, so that one that is used twice stays one."""
    if id(module) not in known:
        form = getattr(type(module), "inference_form", None)
        if isinstance(form, str):
            known[id(module)] = _named(form)(module)
        elif isinstance(module, Rewritable):
            known[id(module)] = module.optimized()
        elif type(module) is nn.Sequential:
            known[id(module)] = _chain(module, known)
        elif plain_convolution(module) and type(module) is nn.Conv2d:
            known[id(module)] = FusedConv.of(module)
        else:
            known[id(module)] = module
            for name, child in module._modules.items():
                if child is not None:
                    module._modules[name] = _rewritten(child, known)
    return known[id(module)]


def _named(form: str) -> Callable[[nn.Module], nn.Module]:
    """What "module:name" names."""
    path, _, name = form.partition(":")
    found: Callable[[nn.Module], nn.Module] = getattr(import_module(path), name)
    return found


def _chain(layers: nn.Sequential, known: dict[int, nn.Module]) -> nn.Module:
    """A sequence: collapsed as a whole, or its convolutions joined with what follows each."""
    whole = collapsed(layers)
    if whole is not None:
        return whole
    found: list[nn.Module] = []
    for layer in layers:
        previous = found[-1] if found else None
        activation = Activation.of(layer)
        if activation is not None and isinstance(previous, FusedConv) and previous.activation.name == "none":
            previous.activation = activation
            found.append(nn.Identity())  # so that the others keep their numbers
        else:
            found.append(_rewritten(layer, known))
    return nn.Sequential(*found)
