"""The derived JSNet: chosen blocks only, plain torch, nothing of the search inside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import nn

from nas.errors import UsageError
from nas.models.descriptor import ModelDescriptor
from nas.models.sharing import at_place
from nas.space.blocks import BLOCKS, BlockInfo
from nas.space.two_lists import check_list, edges_of_list
from search_spaces.cells import JointCell, Wiring, full_wiring, fusion_of_cells
from search_spaces.ends import ImageEnds, NetworkLayout

#: role of a cell -> what the release calls its list
LIST_NAMES = {"operation": "normal", "attention": "attention"}


@dataclass(frozen=True)
class CellBlocks:
    """The chosen blocks of one role.

    Attributes:
        wiring: Which edges there are.
        blocks: One an edge, in the order of the wiring.
        edges: The edges by the numbers that nodes have in the space; () where those are the numbers of the wiring.
    """

    wiring: Wiring
    blocks: tuple[BlockInfo, ...]
    edges: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, role: str, wiring: Wiring, names: Sequence[str], edges: tuple[tuple[int, int], ...] = ()) -> CellBlocks:
        """Look the names of the blocks up.

        Raises:
            UsageError: A name is unknown or a zero block.
        """
        infos = tuple(BLOCKS[role].get(name) for name in names)
        for info in infos:
            if info.zero:
                raise UsageError(f"block {info.name!r} cannot stand in a derived {role} cell; choose another one")
        return cls(wiring, infos, edges)

    @classmethod
    def from_list(cls, role: str, entries: Sequence[Sequence[object]], nodes: int | None = None) -> CellBlocks:
        """Read one list of a two-list genotype, in which all earlier nodes feed each node.

        Args:
            role: "operation" or "attention".
            entries: (block, predecessor) of every edge.
            nodes: The number of nodes that is expected; None for any.

        Raises:
            UsageError: A block is unknown, a predecessor wrong, or the length that of no or another number of nodes.
        """
        pairs = check_list(LIST_NAMES[role], role, entries)
        wiring = full_wiring(edges_of_list(len(pairs))[-1][1] if pairs else 0)
        if nodes is not None and nodes != wiring.nodes:
            raise UsageError(
                f"the list {LIST_NAMES[role]!r} of the genotype makes {wiring.nodes} nodes, not the {nodes} asked for"
            )
        if not pairs:
            raise UsageError(f"the list {LIST_NAMES[role]!r} of the genotype is empty; give one entry per edge")
        return cls.of(role, wiring, [name for name, _ in pairs])

    def build(self, channels: int) -> list[nn.Module]:
        """New modules, one per edge."""
        edges = self.edges or self.wiring.edges
        return [
            at_place(info.build(channels), f"{source}->{target}:{info.name}")
            for info, (source, target) in zip(self.blocks, edges, strict=True)
        ]


class JSNet(ImageEnds):
    """Head -> L cells -> 1x1 fusion of all cell outputs + head -> CSFM -> upsampling, as in the release.

    Input (N, channels, H, W) RGB or grey in 0..255, output (N, channels, s*H, s*W), not clamped.
    """

    #: see ``nas.models.optimizing``
    inference_form = "search_spaces.inference:NetworkForm"

    def __init__(
        self,
        layout: NetworkLayout,
        operation: CellBlocks | Sequence[CellBlocks] | None,
        attention: CellBlocks | Sequence[CellBlocks] | None,
        descriptor: ModelDescriptor,
    ):
        """Build the cells.

        Args:
            layout: Sizes.
            operation: Operation blocks, for all cells or for each; None: there are none.
            attention: Attention blocks, likewise.
            descriptor: Its ``min_size`` is raised to what the blocks need.
        """
        super().__init__()
        operations, attentions = _for_each(operation, layout.cells), _for_each(attention, layout.cells)
        parts = [part for part in (*operations, *attentions) if part is not None]
        if not parts:
            raise UsageError("a JSNet cell needs an operation part, an attention part, or both")
        needed = max(info.min_size for part in parts for info in part.blocks)
        self.build_ends(layout, replace(descriptor, min_size=max(needed, descriptor.min_size)))
        self.cells = nn.ModuleList(
            JointCell(
                layout.features,
                layout.width,
                op.build(layout.width) if op else (),
                op.wiring if op else None,
                at.build(layout.features) if at else (),
                at.wiring if at else None,
            )
            for op, at in zip(operations, attentions, strict=True)
        )
        self.fusion = fusion_of_cells(layout.cells, layout.features)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        head = self.enter(image)  # (N, channels, H, W') -> (N, W, H, W')
        outputs, x = [], head
        for cell in self.cells:
            x = cell(x)
            outputs.append(x)
        fused = self.fusion(torch.cat(outputs, dim=1)) + head  # (N, L*W, H, W') -> (N, W, H, W')
        return self.leave(self.cpam(fused), image)  # (N, W, H, W') -> (N, W/2, H, W') -> image


def _for_each(part: CellBlocks | Sequence[CellBlocks] | None, cells: int) -> list[CellBlocks | None]:
    """One a cell, where one or none stands for all."""
    return [part] * cells if part is None or isinstance(part, CellBlocks) else list(part)
