"""The searchable JSNet: cells whose edges hold all candidates, mixed by the architecture variables."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import nn

from nas.models.descriptor import ModelDescriptor
from nas.space.blocks import BLOCKS, BlockInfo
from nas.supernet import MixedAttention, MixedOperation, Mixture, Supernet
from nas.supernet.relaxations import LEFT_OUT
from search_spaces.cells import (
    GraphFunction,
    JointCell,
    LeavingFunction,
    Wiring,
    fusion_of_cells,
    propagate,
    propagate_by_source,
)
from search_spaces.ends import ImageEnds, NetworkLayout
from search_spaces.fusion import ProgressiveFusion

if TYPE_CHECKING:
    from nas.space import Cell, Space


class SearchCell(JointCell):
    """A cell of mixed edges; the ways to compute them are handed in, because cells share mixtures and fused forms."""

    def forward(self, x: torch.Tensor, operation: GraphFunction, attention: GraphFunction) -> torch.Tensor:  # type: ignore[override]
        """(N, W, H, W') -> same."""
        return self.run(x, operation, attention)


class JSNetSupernet(ImageEnds, Supernet):
    """Head -> L mixed cells -> progressive fusion -> CSFM + reduced head -> upsampling."""

    def __init__(
        self,
        space: Space,
        layout: NetworkLayout,
        descriptor: ModelDescriptor,
        *,
        labels: dict[str, str],
        edge_weights: dict[str, bool],
        partial_channels: int,
        derived_fusion: bool = False,
    ) -> None:
        """Build all candidates of all cells.

        Args:
            space: Whose supernet it is.
            layout: Its sizes.
            descriptor: Its descriptor; ``min_size`` is raised to what the blocks need.
            labels: Name of a cell -> suffix of its variables.
            edge_weights: Name of a cell -> whether its edges carry betas.
            partial_channels: k of the operation edges.
            derived_fusion: Fuse and skip as the derived network does (one 1x1 convolution over all cells, head added
                before CSFM) instead of as the release's search does.
        """
        super().__init__(space, labels, edge_weights)
        positions = space.positions()
        each = [positions[i if len(positions) > 1 else 0] for i in range(layout.cells)]
        by_role = {cell.role: cell for cell in positions[0].values()}
        operation, attention = by_role.get("operation"), by_role.get("attention")
        #: for each cell of the network, role -> the name of its variables
        self._names = [
            {cell.role: space.cell_name(kind, i if len(positions) > 1 else 0) for kind, cell in cells.items()}
            for i, cells in enumerate(each)
        ]
        weighted = {cell.role: edge_weights[space.cell_name(kind, 0)] for kind, cell in positions[0].items()}
        blocks = [BLOCKS[c.role].get(name) for c in by_role.values() for edge in c.edges for name in edge.candidates]
        least = max(info.min_size for info in blocks)
        self.build_ends(layout, replace(descriptor, min_size=max(least, descriptor.min_size)))
        self.cells = nn.ModuleList(
            SearchCell(
                layout.features,
                layout.width,
                [MixedOperation(c, layout.width, partial_channels) for c in _candidates(operation)],
                _wiring(operation, weighted),
                [MixedAttention(c, layout.features) for c in _candidates(attention)],
                _wiring(attention, weighted),
            )
            for _ in range(layout.cells)
        )
        self.derived_fusion = derived_fusion
        if derived_fusion:
            self.fusion = fusion_of_cells(layout.cells, layout.features)
        else:
            self.pffm = ProgressiveFusion(layout.features, layout.cells)
            self.res_reduction = nn.Conv2d(layout.features, layout.features // 2, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """(N, channels, H, W') in 0..255 -> (N, channels, s*H, s*W')."""
        mixtures = self.mixtures()
        operations = self.graphs("operation", "ops", mixtures)
        attentions = self.graphs("attention", "atts", mixtures)
        head = self.enter(image)  # (N, W, H, W')
        outputs, x = [], head
        for cell, operation, attention in zip(self.cells, operations, attentions, strict=True):
            x = cell(x, operation, attention)
            outputs.append(x)
        if self.derived_fusion:
            features = self.cpam(self.fusion(torch.cat(outputs, dim=1)) + head)  # (N, L*W, H, W') -> (N, W/2, H, W')
        elif self.fused:
            features = self.cpam.exchange(self.pffm.folded(outputs, self.cpam.process)) + self.res_reduction(head)
        else:
            features = self.cpam(self.pffm(outputs)) + self.res_reduction(head)  # (N, W/2, H, W')
        return self.leave(features, image)

    def graphs(self, role: str, part: str, mixtures: dict[str, Mixture]) -> list[GraphFunction]:
        """How each cell computes one of its graphs in this pass."""
        found: list[GraphFunction] = [_absent] * len(self.cells)
        for name in dict.fromkeys(names[role] for names in self._names if role in names):
            numbers = [i for i, names in enumerate(self._names) if names[role] == name]
            lists: list[nn.ModuleList] = [getattr(self.cells[i], part) for i in numbers]
            mixture = mixtures[name]
            if not self.fused or mixture.chosen is not None:  # a chosen candidate runs alone
                made: list[GraphFunction] = [partial(_one_by_one, edges, mixture) for edges in lists]
            else:
                leaving = self.fused_edges(name, lists).prepare(mixture)
                made = [partial(_by_source, partial(leaving.run, number)) for number in range(len(lists))]
            for i, function in zip(numbers, made, strict=True):
                found[i] = function
        return found


def _one_by_one(edges: nn.ModuleList, mixture: Mixture, first: torch.Tensor, wiring: Wiring) -> list[torch.Tensor]:
    chosen = mixture.chosen or ()
    numbers = [e for e in range(len(wiring.edges)) if not chosen or chosen[e] != LEFT_OUT]
    if len(numbers) < len(wiring.edges):
        wiring = Wiring(wiring.nodes, tuple(wiring.edges[e] for e in numbers), wiring.merge)

    def edge(place: int, h: torch.Tensor) -> torch.Tensor:
        e = numbers[place]
        only = None if mixture.chosen is None else mixture.chosen[e]
        mixed: torch.Tensor = edges[e](h, mixture.candidates[e], only)
        return mixed if mixture.edges is None else mixture.edges[e] * mixed

    return propagate(first, wiring, edge)


def _by_source(leaving: LeavingFunction, first: torch.Tensor, wiring: Wiring) -> list[torch.Tensor]:
    return propagate_by_source(first, wiring, leaving)


def _absent(first: torch.Tensor, wiring: Wiring) -> list[torch.Tensor]:
    raise AssertionError("a cell without this part has no graph to compute")


def _candidates(cell: Cell | None) -> list[list[BlockInfo]]:
    if cell is None:
        return []
    return [[BLOCKS[cell.role].get(name) for name in edge.candidates] for edge in cell.edges]


def _wiring(cell: Cell | None, edge_weights: dict[str, bool]) -> Wiring | None:
    if cell is None:
        return None
    # Betas sum to one over a node, so the weighted sum is a mean already.
    merge = "sum" if edge_weights.get(cell.role) else cell.merge
    return Wiring(cell.nodes, tuple((edge.source, edge.target) for edge in cell.edges), merge)
