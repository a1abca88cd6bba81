"""What a supernet's architecture variables say of its derived network before there is one; differentiable.

Probabilities are those of the selectable blocks: a zero block is part of the mixture but never of a derived network,
so its share goes to the others in proportion.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from nas.space import Cell, Edge, Space
from nas.space.blocks import registry_of
from nas.supernet.supernet import Supernet


def selectable(space: Space, cell: str) -> list[list[int]]:
    """The selectable candidates of a cell: for each edge, their positions in its list."""
    traits = registry_of(space.cells[cell].role).traits
    return [[k for k, name in enumerate(e.candidates) if not traits(name).zero] for e in space.cells[cell].edges]


def selectable_logits(supernet: Supernet) -> dict[str, list[torch.Tensor]]:
    """Log probabilities of the selectable candidates, with gradient.

    Returns:
        Name of a cell -> for each edge a tensor (selectable candidates,), in their order.
    """
    alphas = {name: supernet.alphas(name) for name in supernet.space.cells}
    return {
        name: [torch.log_softmax(alphas[name][row, columns], dim=0) for row, columns in enumerate(chosen)]
        for name in supernet.space.cells
        for chosen in [selectable(supernet.space, name)]
    }


def expected_cost(supernet: Supernet, base: float, shares: Mapping[str, Sequence[Mapping[str, float]]]) -> torch.Tensor:
    """The mean cost of a genotype drawn edge by edge: base + sum over edges of sum_k p_k * share_k.

    Source: FBNet, Wu et al., CVPR 2019, eq. 5.

    Args:
        supernet: Whose architecture variables give the probabilities p.
        base: What every genotype costs.
        shares: Name of a cell -> for each edge, selectable block -> its cost, in the unit of ``base``.

    Returns:
        A float64 scalar with gradient.
    """
    total = torch.tensor(float(base), dtype=torch.float64)
    for name, rows in selectable_logits(supernet).items():
        if name not in shares:  # a cell of a deeper network
            continue
        cell = supernet.space.cells[name]
        for edge, logits, share in zip(cell.edges, rows, shares[name], strict=True):
            costs = torch.tensor([share[b] for b in edge.candidates if b in share], dtype=torch.float64)
            costs = costs * kept_share(cell, edge)
            total = total.to(logits.device) + (logits.exp().double() * costs.to(logits.device)).sum()
    return total


def kept_share(cell: Cell, edge: Edge) -> float:
    """The share of networks that keep an edge, if every set of kept edges of its node is equally likely."""
    entering = sum(e.target == edge.target for e in cell.edges)
    return 1.0 if cell.keep is None else min(1.0, cell.keep / entering)


def mean_edge_entropy(supernet: Supernet) -> torch.Tensor:
    """The entropy of the mixture's weights in nats, mean over all edges; a scalar with gradient."""
    rows = [
        -(row[: len(choices)] * torch.log(row[: len(choices)].clamp_min(1e-30))).sum()
        for name, table in supernet.probabilities().items()
        for choices, row in zip(supernet.options(name), table, strict=True)
    ]
    return torch.stack(rows).mean()


def mean_skip_probability(supernet: Supernet) -> torch.Tensor:
    """The probability of a skip connection (an identity block), mean over the edges that offer one; 0 if none does.

    Returns:
        A scalar with gradient.
    """
    rows = []
    for name, table in supernet.probabilities().items():
        cell = supernet.space.cells.get(name)
        if cell is None:  # settings of the network
            continue
        traits = registry_of(cell.role).traits
        for edge, row in zip(cell.edges, table, strict=True):
            skips = [k for k, block in enumerate(edge.candidates) if traits(block).identity]
            if skips:
                rows.append(row[skips].sum())
    return torch.stack(rows).mean() if rows else supernet.arch_parameters()[0].sum() * 0.0


def mean_entropy(probabilities: Tensor) -> list[float]:
    """The entropy of each edge's distribution, in nats.

    Args:
        probabilities: (E, candidates), zero where an edge has no such candidate.

    Returns:
        E numbers.
    """
    p = probabilities.detach().double()
    return [float(v) for v in -(p * torch.log(p.clamp_min(1e-30))).sum(dim=1)]
