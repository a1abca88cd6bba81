"""From architecture variables to the weights of a mixture: softmax, edge weights, partial channels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

#: instead of a column: the edge is left out
LEFT_OUT = -1


@dataclass(frozen=True)
class Mixture:
    """The weights of one cell's edges in one forward pass.

    Attributes:
        candidates: (E, K), rows sum to 1.
        edges: (E,), summing to 1 over the edges that enter the same node; None where edges are plainly summed.
        chosen: Where each row has a single weight that is not zero, its column, so that the other candidates need
            not be computed, or ``LEFT_OUT``; None where rows are dense.
    """

    candidates: torch.Tensor
    edges: torch.Tensor | None = None
    chosen: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Choices:
    """One candidate an edge.

    Attributes:
        weights: (E, K), one-hot in value; they may carry a gradient.
        chosen: The column of each row's one.
    """

    weights: torch.Tensor
    chosen: tuple[int, ...]


#: (cell name, (E, K) alphas, -inf where an edge has no such candidate) -> (E, K) weights, zero there, or Choices
Relax = Callable[[str, torch.Tensor], "torch.Tensor | Choices"]


def softmax(alphas: torch.Tensor) -> torch.Tensor:
    """The continuous relaxation of DARTS (Liu et al., ICLR 2019, eq. 2): a softmax over each row."""
    return torch.softmax(alphas, dim=-1)


def softmax_of_cell(cell: str, alphas: torch.Tensor) -> torch.Tensor:
    """The default ``Relax``: ``softmax``, the same for every cell."""
    return softmax(alphas)


def gumbel_choice(alphas: torch.Tensor, noise: torch.Tensor, temperature: float) -> Choices:
    """Hard samples of the Gumbel softmax (Jang et al., ICLR 2017; GDAS, Dong & Yang, CVPR 2019, eq. 3 to 5).

    The forward value of a row is the one-hot of argmax(log_softmax(alphas) + noise); its gradient is that of
    softmax((log_softmax(alphas) + noise) / temperature), straight through.

    Args:
        alphas: (E, K).
        noise: (E, K), standard Gumbel.
        temperature: Of the softmax, positive.
    """
    logits = torch.log_softmax(alphas, dim=-1) + noise
    soft = torch.softmax(logits / temperature, dim=-1)
    chosen = logits.detach().argmax(dim=-1)
    hard = torch.nn.functional.one_hot(chosen, alphas.shape[-1]).to(soft.dtype)
    return Choices(hard + (soft - soft.detach()), tuple(chosen.tolist()))


def group_softmax(values: torch.Tensor, groups: Sequence[int]) -> torch.Tensor:
    """A softmax within groups (PC-DARTS, Xu et al., ICLR 2020, eq. 6).

    Args:
        values: (E,).
        groups: For each edge the node that it enters. A group of one gets weight 1 and no gradient.

    Returns:
        (E,), summing to 1 over each group.
    """
    out: dict[int, torch.Tensor] = {}
    each = values.unbind()  # no tensor of indices, which would have to travel to the device in every pass
    for group in dict.fromkeys(groups):
        members = [e for e, g in enumerate(groups) if g == group]
        out |= zip(members, torch.softmax(torch.stack([each[e] for e in members]), dim=0).unbind(), strict=True)
    return torch.stack([out[e] for e in range(len(groups))])


def channel_shuffle(x: torch.Tensor, groups: int) -> torch.Tensor:
    """Interleave channels: output channel i * groups + g is input channel g * (C / groups) + i."""
    n, c, h, w = x.shape
    grouped = x.reshape(n, groups, c // groups, h, w)
    return grouped.transpose(1, 2).reshape(n, c, h, w)  # (N, g, C/g, H, W) -> (N, C/g, g, H, W) -> (N, C, H, W)
