"""From architecture variables to the weights of a mixture: softmax, edge weights, partial channels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

#: (E, K) alphas, -inf where an edge has no such candidate -> (E, K) weights, zero there
Relax = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Mixture:
    """The weights of one cell's edges in one forward pass.

    candidates: (E, K), rows sum to 1; edges: (E,), summing to 1 over the edges that enter the same node, or
    None where edges are plainly summed.
    """

    candidates: torch.Tensor
    edges: torch.Tensor | None = None


def softmax(alphas: torch.Tensor) -> torch.Tensor:
    """The continuous relaxation of DARTS (Liu et al., ICLR 2019, eq. 2): a softmax over each row."""
    return torch.softmax(alphas, dim=-1)


def group_softmax(values: torch.Tensor, groups: Sequence[int]) -> torch.Tensor:
    """Softmax of (E,) ``values`` within equal entries of ``groups`` (PC-DARTS, Xu et al., ICLR 2020, eq. 6).

    ``groups[e]`` is the node that edge e enters. A group of one gets weight 1 and no gradient.
    """
    out = torch.empty_like(values)
    for group in dict.fromkeys(groups):
        members = torch.tensor([e for e, g in enumerate(groups) if g == group], device=values.device)
        out = out.index_copy(0, members, torch.softmax(values.index_select(0, members), dim=0))
    return out


def channel_shuffle(x: torch.Tensor, groups: int) -> torch.Tensor:
    """Interleave channels: output channel i * groups + g is input channel g * (C / groups) + i."""
    n, c, h, w = x.shape
    grouped = x.reshape(n, groups, c // groups, h, w)
    return grouped.transpose(1, 2).reshape(
        n, c, h, w
    )  # (N, g, C/g, H, W) -> (N, C/g, g, H, W) -> (N, C, H, W)
