"""Mixed edges: the weighted sum of all candidates of one edge, in plain and readable form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import nn

from nas.errors import UsageError
from nas.space.blocks import BlockInfo
from nas.supernet.fused import Edge
from nas.supernet.relaxations import channel_shuffle


def mix(
    x: torch.Tensor,
    weights: torch.Tensor,
    blocks: Sequence[nn.Module],
    infos: Sequence[BlockInfo],
    only: int | None = None,
) -> torch.Tensor:
    """The mixture sum_k weights[k] * blocks[k](x). Zero blocks are left out: they change neither values nor gradients.

    Args:
        x: (N, C, H, W).
        weights: (K or more,); entries beyond the blocks are ignored.
        blocks: K modules that keep the shape.
        infos: What is registered of them.
        only: The one k whose weight is not zero; no other block is run.

    Returns:
        (N, C, H, W).
    """
    if only is not None:
        return torch.zeros_like(x) if infos[only].zero else weights[only] * blocks[only](x)
    terms = [weights[k] * block(x) for k, block in enumerate(blocks) if not infos[k].zero]
    if not terms:
        return torch.zeros_like(x)
    total: torch.Tensor = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


class MixedEdge(Protocol):
    """What a supernet asks of a mixed edge of any kind."""

    def as_edge(self, source: int) -> Edge:
        """The edge for the fused form; ``source`` is the node that it leaves."""
        ...


class MixedOperation(nn.Module):
    """An operation edge with partial channel connection (PC-DARTS, Xu et al., ICLR 2020, section 3.1).

    Only the first C / k channels pass through the candidates (built at that width); the others bypass them, and a
    channel shuffle lets the next edge see different ones. k = 1: all channels, no shuffle (DARTS).
    """

    def __init__(self, candidates: Sequence[BlockInfo], channels: int, partial_channels: int = 1) -> None:
        """Build all candidates.

        Args:
            candidates: The blocks of the edge.
            channels: C.
            partial_channels: k, a divisor of C.
        """
        super().__init__()
        if channels % partial_channels:
            raise UsageError(
                f"{channels} channels cannot be split into {partial_channels} parts; "
                "choose a width divisible by partial_channels"
            )
        self.infos = tuple(candidates)
        self.partial_channels = partial_channels
        self.taken = channels // partial_channels
        self.ops = nn.ModuleList(info.build(self.taken) for info in candidates)

    def as_edge(self, source: int) -> Edge:
        """The edge for the fused form."""
        return Edge(source, self.infos, tuple(self.ops), self.taken, self.partial_channels)

    def forward(self, x: torch.Tensor, weights: torch.Tensor, only: int | None = None) -> torch.Tensor:
        """x: (N, C, H, W), weights: (K,) -> (N, C, H, W); ``only`` as for ``mix``."""
        if self.partial_channels == 1:
            return mix(x, weights, list(self.ops), self.infos, only)
        mixed = mix(x[:, : self.taken], weights, list(self.ops), self.infos, only)  # (N, C/k, H, W)
        joined = torch.cat([mixed, x[:, self.taken :]], dim=1)  # (N, C, H, W)
        return channel_shuffle(joined, self.partial_channels)


class MixedAttention(nn.Module):
    """An attention edge: all candidates at full width, no partial channels, no shuffle."""

    def __init__(self, candidates: Sequence[BlockInfo], channels: int) -> None:
        """Build all candidates at ``channels`` channels."""
        super().__init__()
        self.infos = tuple(candidates)
        self.channels = channels
        self.ats = nn.ModuleList(info.build(channels) for info in candidates)

    def as_edge(self, source: int) -> Edge:
        """The edge for the fused form."""
        return Edge(source, self.infos, tuple(self.ats), self.channels)

    def forward(self, x: torch.Tensor, weights: torch.Tensor, only: int | None = None) -> torch.Tensor:
        """x: (N, W, H, W'), weights: (K,) -> (N, W, H, W'); ``only`` as for ``mix``."""
        return mix(x, weights, list(self.ats), self.infos, only)
