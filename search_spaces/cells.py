"""The JSNet cell as a graph of blocks, the same for derived and searched networks.

An operation part (OSM), an attention part (ASM), or both (JSM), with an outer residual and no activation
outside the blocks. Source: official JSNet release; single-part cells are this project's choice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from nas.models.sharing import in_parts

#: (edge number, value of its source node) -> what the edge contributes to its target node
EdgeFunction = Callable[[int, torch.Tensor], torch.Tensor]
#: (node, its value) -> number of each edge that leaves it, and what that contributes to its target node
LeavingFunction = Callable[[int, torch.Tensor], dict[int, torch.Tensor]]


@dataclass(frozen=True)
class Wiring:
    """A directed acyclic graph: node 0 is given, nodes 1..nodes are computed in order.

    Attributes:
        nodes: Number of nodes that are computed.
        edges: (source, target) pairs, target ascending.
        merge: "sum" or "mean" of what enters a node.
    """

    nodes: int
    edges: tuple[tuple[int, int], ...]
    merge: str = "sum"


#: (value of node 0, graph) -> the values of all nodes
GraphFunction = Callable[[torch.Tensor, Wiring], list[torch.Tensor]]


def full_wiring(nodes: int) -> Wiring:
    """Every node reads all earlier ones: 1 from 0; 2 from 0, 1; 3 from 0, 1, 2; and so on."""
    return Wiring(nodes, tuple((source, target) for target in range(1, nodes + 1) for source in range(target)))


def propagate(first: torch.Tensor, wiring: Wiring, edge: EdgeFunction) -> list[torch.Tensor]:
    """Compute all nodes.

    Args:
        first: The value of node 0, (N, C, H, W).
        wiring: Which edges there are.
        edge: What each edge contributes.

    Returns:
        The values of nodes 0..nodes, all of one shape.
    """
    states = [first]
    for node in range(1, wiring.nodes + 1):
        entering = [edge(e, states[source]) for e, (source, target) in enumerate(wiring.edges) if target == node]
        if not entering:  # nothing reads such a node
            states.append(first)
            continue
        total = entering[0]
        for term in entering[1:]:
            total = total + term
        states.append(total / len(entering) if wiring.merge == "mean" and len(entering) > 1 else total)
    return states


def propagate_by_source(first: torch.Tensor, wiring: Wiring, leaving: LeavingFunction) -> list[torch.Tensor]:
    """``propagate`` where the edges that leave a node are computed together.

    Args:
        first: The value of node 0, (N, C, H, W).
        wiring: Which edges there are.
        leaving: What the edges that leave a node contribute.

    Returns:
        The values of nodes 0..nodes, all of one shape.
    """
    states, contributions = [first], leaving(0, first)
    for node in range(1, wiring.nodes + 1):
        entering = [contributions.pop(e) for e, (_, target) in enumerate(wiring.edges) if target == node]
        total = entering[0]
        for term in entering[1:]:
            total = total + term
        states.append(total / len(entering) if wiring.merge == "mean" and len(entering) > 1 else total)
        if node < wiring.nodes:
            contributions |= leaving(node, states[node])
    return states


def fusion_of_cells(cells: int, features: int) -> nn.Conv2d:
    """The 1x1 convolution of the outputs of all cells, side by side: (N, L*W, H, W') -> (N, W, H, W')."""
    return in_parts(nn.Conv2d(cells * features, features, 1), inputs=[features] * cells)


class JointCell(nn.Module):
    """1x1 convolution -> operation graph -> concatenation -> attention graph, plus the cell's input.

    Either graph may be missing; attention alone starts from the cell's input.
    """

    #: see ``nas.models.optimizing``
    inference_form = "search_spaces.inference:CellForm"

    def __init__(
        self,
        features: int,
        width: int,
        ops: Sequence[nn.Module] = (),
        op_wiring: Wiring | None = None,
        atts: Sequence[nn.Module] = (),
        at_wiring: Wiring | None = None,
    ) -> None:
        """Hold the blocks.

        Args:
            features: W, channels of the cell's input and output.
            width: C, channels of an operation node.
            ops: Operation blocks, one an edge.
            op_wiring: Their graph; None: there is none.
            atts: Attention blocks, one an edge.
            at_wiring: Their graph; None: there is none.
        """
        super().__init__()
        self.op_wiring, self.at_wiring = op_wiring, at_wiring
        if op_wiring is not None:
            self.process = nn.Conv2d(features, width, 1)
            self.ops = nn.ModuleList(ops)
            nodes = op_wiring.nodes + 1
            self.op_nodes_fusion = in_parts(nn.Conv2d(width * nodes, features, 1), inputs=[width] * nodes)
        if at_wiring is not None:
            self.atts = nn.ModuleList(atts)

    def run(self, x: torch.Tensor, operation: GraphFunction, attention: GraphFunction) -> torch.Tensor:
        """The cell with given ways to compute its graphs: (N, W, H, W') -> same."""
        features = x
        if self.op_wiring is not None:
            states = operation(self.process(x), self.op_wiring)  # N_o + 1 tensors (N, C, H, W')
            features = self.op_nodes_fusion(torch.cat(states, dim=1))  # (N, C*(N_o+1), H, W') -> (N, W, H, W')
        if self.at_wiring is not None:
            features = attention(features, self.at_wiring)[-1]
        return x + features

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.run(
            x,
            lambda first, wiring: propagate(first, wiring, lambda e, h: self.ops[e](h)),
            lambda first, wiring: propagate(first, wiring, lambda e, h: self.atts[e](h)),
        )
