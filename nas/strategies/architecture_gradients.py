"""Gradients of the bilevel problem with respect to the architecture.

The problem: minimise L_val(w*(a), a) over the architecture a, where w*(a) are the weights that minimise L_train(w, a).
Two approximations (Liu et al., "DARTS", ICLR 2019, section 2.3; JSNet specification section 9):

* first order: w* = w, gradient d/da L_val(w, a)
* second order: w* = w - xi * grad_w L_train(w, a), gradient d/da L_val(w - xi grad_w L_train(w, a), a)

xi is the learning rate of the weights. The virtual step of the second order moves weights only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from nas.strategies.base import Batch, Loss
from nas.train.accumulation import parts_of
from nas.train.distributed import average


def alphas_of(supernet: nn.Module) -> list[nn.Parameter]:
    """The architecture variables (``Supernet.arch_parameters``)."""
    return list(supernet.arch_parameters())  # type: ignore[operator]


def weights_of(supernet: nn.Module) -> dict[str, nn.Parameter]:
    """Trainable parameters by name, without the architecture variables."""
    architecture = {id(p) for p in alphas_of(supernet)}
    return {n: p for n, p in supernet.named_parameters() if p.requires_grad and id(p) not in architecture}


def _forward(supernet: nn.Module, weights: dict[str, Tensor]) -> Callable[[Tensor], Tensor]:
    def forward(image: Tensor) -> Tensor:
        output: Tensor = functional_call(supernet, weights, (image,))
        return output

    return forward


@contextmanager
def frozen(parameters: Iterable[nn.Parameter]) -> Iterator[None]:
    """For the time of the block, parameters are constants, and a pass makes no gradient for them."""
    changed = [p for p in parameters if p.requires_grad]
    for parameter in changed:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in changed:
            parameter.requires_grad_(True)


def first_order(
    supernet: nn.Module,
    loss: Loss,
    search: Batch,
    parts: int = 1,
    scaled: Callable[[Tensor], Tensor] = lambda value: value,
    weights: Iterable[nn.Parameter] | None = None,
) -> tuple[list[Tensor], Tensor]:
    """The first-order gradient.

    Args:
        supernet: The supernet.
        loss: Loss of a batch.
        search: Batch for the architecture.
        parts: Equal parts of the batch that are passed through one after the other.
        scaled: From a loss to the multiple of it whose gradients are taken.
        weights: What ``weights_of`` gives, where it is known: to find thousands of them takes milliseconds.

    Returns:
        The gradient of each architecture variable, and the validation loss.
    """
    alphas = alphas_of(supernet)
    with frozen(weights_of(supernet).values() if weights is None else weights):
        found, value = gradients_in_parts(supernet, loss, search, alphas, parts, scaled)
    # an edge weight alone in its group, or an edge of one candidate, has no influence: its gradient is zero
    slopes = [torch.zeros_like(a) if g is None else g for a, g in zip(alphas, found, strict=True)]
    average(slopes)
    return slopes, value


def gradients_in_parts(
    supernet: nn.Module,
    loss: Loss,
    batch: Batch,
    variables: list[nn.Parameter],
    parts: int,
    scaled: Callable[[Tensor], Tensor],
) -> tuple[list[Tensor | None], Tensor]:
    """Gradients of the mean loss over equal parts of a batch, None of variables without influence; and that loss."""
    total: list[Tensor | None] = [None] * len(variables)
    values = []
    for part in parts_of(batch, parts):
        value = loss(supernet, part)
        share = value if parts == 1 else value / parts
        found = torch.autograd.grad(scaled(share), variables, allow_unused=True)
        total = [g if t is None else t if g is None else t + g for t, g in zip(total, found, strict=True)]
        values.append(value.detach())
    return total, values[0] if parts == 1 else torch.stack(values).mean()


def second_order_exact(
    supernet: nn.Module, loss: Loss, train: Batch, search: Batch, xi: float
) -> tuple[list[Tensor], Tensor]:
    """The second-order gradient by double differentiation, which takes about twice the memory.

    With g = grad_w L_train, w' = w - xi g and v = grad_w' L_val(w', a) it is d/da L_val(w', a) - xi (dg/da)^T v
    (DARTS, eq. 7). All ranks take the same virtual step, and contract their own dg/da with the same v.

    Args:
        supernet: The supernet.
        loss: Loss of a batch.
        train: Batch for the weights.
        search: Batch for the architecture.
        xi: Learning rate of the virtual step.

    Returns:
        The gradient of each architecture variable, and the validation loss after the virtual step.
    """
    alphas = alphas_of(supernet)
    weights = weights_of(supernet)
    slopes = torch.autograd.grad(
        loss(supernet, train), list(weights.values()), create_graph=True, allow_unused=True, materialize_grads=True
    )
    virtual = [g.detach().clone() for g in slopes]
    average(virtual)
    moved = {n: (w - xi * g).detach().requires_grad_() for (n, w), g in zip(weights.items(), virtual, strict=True)}
    value = loss(_forward(supernet, moved), search)
    both = gradients(value, [*alphas, *moved.values()])
    direct, v = both[: len(alphas)], both[len(alphas) :]
    # a weight on which the loss does not depend has a gradient of zero without a graph
    curved = [(g, u) for g, u in zip(slopes, v, strict=True) if g.requires_grad]
    mixed = gradients([g for g, _ in curved], alphas, [u for _, u in curved]) if curved else []
    mixed = mixed or [torch.zeros_like(d) for d in direct]
    return [d - xi * m for d, m in zip(direct, mixed, strict=True)], value.detach()


def second_order_difference(
    supernet: nn.Module, loss: Loss, train: Batch, search: Batch, xi: float, radius: float = 0.01
) -> tuple[list[Tensor], Tensor]:
    """The second-order gradient by a central difference of the training gradient along v (DARTS, eq. 8).

    v = grad_w' L_val, and the weights are moved by +-e v with e = ``radius`` / |v|. It runs outside autocast: inside a
    bfloat16 region the cached casts of the weights would hide the perturbation, and the correction would silently be
    zero. The customary radius of 0.01 steps over kinks of L1, ReLU and maxima: on the reference supernet the error,
    which vanishes for a small radius in double precision, is as large as the correction (3 % of the gradient). Hence
    the exact form is the default.

    Args:
        supernet: The supernet.
        loss: Loss of a batch.
        train: Batch for the weights.
        search: Batch for the architecture.
        xi: Learning rate of the virtual step.
        radius: Norm of the perturbation of all weights together.

    Returns:
        The gradient of each architecture variable, and the validation loss after the virtual step.
    """
    alphas = alphas_of(supernet)
    weights = weights_of(supernet)
    with torch.autocast(next(iter(weights.values())).device.type, enabled=False):
        with frozen(alphas):
            fall = loss(supernet, train)
        slopes = gradients(fall, list(weights.values()))
        moved = {n: (w - xi * g).detach().requires_grad_() for (n, w), g in zip(weights.items(), slopes, strict=True)}
        value = loss(_forward(supernet, moved), search)
        both = gradients(value, [*alphas, *moved.values()])
        direct, v = both[: len(alphas)], both[len(alphas) :]
        epsilon = radius / torch.sqrt(torch.stack([(g.double() ** 2).sum() for g in v]).sum())
        sides = []
        for sign in (1.0, -1.0):
            shifted = {n: (w + sign * epsilon * g).detach() for (n, w), g in zip(weights.items(), v, strict=True)}
            sides.append(gradients(loss(_forward(supernet, shifted), train), alphas))
        mixed = [(plus - minus) / (2 * epsilon) for plus, minus in zip(*sides, strict=True)]
        return [d - xi * m for d, m in zip(direct, mixed, strict=True)], value.detach()


def gradients(value: Tensor | list[Tensor], variables: list[Any], along: list[Tensor] | None = None) -> list[Tensor]:
    """Gradients of a loss (or of tensors, contracted with ``along``), averaged over the ranks."""
    # an edge weight alone in its group, or an edge of one candidate, has no influence: its gradient is zero
    found = list(torch.autograd.grad(value, variables, along, allow_unused=True, materialize_grads=True))
    average(found)
    return found
