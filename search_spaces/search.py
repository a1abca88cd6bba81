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
from search_spaces.cells import GraphFunction, JointCell, LeavingFunction, Wiring, propagate, propagate_by_source
from search_spaces.ends import ImageEnds, NetworkLayout
from search_spaces.fusion import ProgressiveFusion

if TYPE_CHECKING:
    from nas.space import Cell, Space


class SearchCell(JointCell):
    """A cell of mixed edges; the mixtures are handed in, because all cells share them."""

    def forward(self, x: torch.Tensor, operation: Mixture | None, attention: Mixture | None) -> torch.Tensor:  # type: ignore[override]
        """In plain form, edge by edge: (N, W, H, W') -> same."""
        run_op = partial(_one_by_one, self.ops, operation) if operation is not None else _absent
        run_at = partial(_one_by_one, self.atts, attention) if attention is not None else _absent
        return self.run(x, run_op, run_at)


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
        by_role = {cell.role: cell for cell in space.cells.values()}
        self._operation, self._attention = by_role.get("operation"), by_role.get("attention")
        blocks = [BLOCKS[c.role].get(name) for c in by_role.values() for edge in c.edges for name in edge.candidates]
        least = max(info.min_size for info in blocks)
        self.build_ends(layout, replace(descriptor, min_size=max(least, descriptor.min_size)))
        self.cells = nn.ModuleList(
            SearchCell(
                layout.features,
                layout.width,
                [MixedOperation(c, layout.width, partial_channels) for c in _candidates(self._operation)],
                _wiring(self._operation, edge_weights),
                [MixedAttention(c, layout.features) for c in _candidates(self._attention)],
                _wiring(self._attention, edge_weights),
            )
            for _ in range(layout.cells)
        )
        self.derived_fusion = derived_fusion
        if derived_fusion:
            self.fusion = nn.Conv2d(layout.cells * layout.features, layout.features, 1)
        else:
            self.pffm = ProgressiveFusion(layout.features, layout.cells)
            self.res_reduction = nn.Conv2d(layout.features, layout.features // 2, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """(N, channels, H, W') in 0..255 -> (N, channels, s*H, s*W')."""
        mixtures = self.mixtures()
        operations = self._graphs(self._operation, "ops", mixtures)
        attentions = self._graphs(self._attention, "atts", mixtures)
        head = self.enter(image)  # (N, W, H, W')
        outputs, x = [], head
        for cell, operation, attention in zip(self.cells, operations, attentions, strict=True):
            x = cell.run(x, operation, attention)
            outputs.append(x)
        if self.derived_fusion:
            features = self.cpam(self.fusion(torch.cat(outputs, dim=1)) + head)  # (N, L*W, H, W') -> (N, W/2, H, W')
        elif self.fused:
            features = self.cpam.exchange(self.pffm.folded(outputs, self.cpam.process)) + self.res_reduction(head)
        else:
            features = self.cpam(self.pffm(outputs)) + self.res_reduction(head)  # (N, W/2, H, W')
        return self.leave(features, image)

    def _graphs(self, cell: Cell | None, part: str, mixtures: dict[str, Mixture]) -> list[GraphFunction]:
        """How each cell computes one of its graphs in this pass."""
        if cell is None:
            return [_absent] * len(self.cells)
        mixture = mixtures[cell.name]
        lists: list[nn.ModuleList] = [getattr(c, part) for c in self.cells]
        if not self.fused or mixture.chosen is not None:  # a chosen candidate runs alone
            return [partial(_one_by_one, edges, mixture) for edges in lists]
        leaving = self.fused_edges(cell.name, lists).prepare(mixture)
        return [partial(_by_source, partial(leaving.run, number)) for number in range(len(lists))]


def _one_by_one(edges: nn.ModuleList, mixture: Mixture, first: torch.Tensor, wiring: Wiring) -> list[torch.Tensor]:
    def edge(e: int, h: torch.Tensor) -> torch.Tensor:
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
    merge = "sum" if edge_weights.get(cell.name) else cell.merge
    return Wiring(cell.nodes, tuple((edge.source, edge.target) for edge in cell.edges), merge)
