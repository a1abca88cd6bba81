"""Slots and cells of the skeleton ``residual``."""

from __future__ import annotations

from typing import cast

import torch
from torch import nn

from nas.errors import UsageError
from nas.models.sharing import at_place
from nas.space.blocks import BLOCKS
from search_spaces.modern.layers import make_norm
from search_spaces.modern.settings import ResidualSettings, SlotSettings, StageSettings

Pair = tuple[torch.Tensor, torch.Tensor]


class Slot(nn.Module):
    """A block with the norm before it and the skip round it, as far as its wrapper wants them.

    (N, C, H, W) -> the same.
    """

    def __init__(self, slot: SlotSettings, settings: ResidualSettings) -> None:
        super().__init__()
        info = BLOCKS[slot.role].get(slot.block)
        follows = info.wrapper == "follow"
        self.skip = follows and settings.residual == "slot"
        self.norm = make_norm(settings.norm, settings.width) if follows else None
        self.core = cast(nn.Module, info.build(settings.width, **info.traits.options(slot.block, slot.parameters)))

    def enter(self, x: torch.Tensor) -> torch.Tensor:
        """What the block is given."""
        return x if self.norm is None else cast(torch.Tensor, self.norm(x))

    def inside(self, x: torch.Tensor) -> torch.Tensor:
        """The output without the skip round the block."""
        y: torch.Tensor = self.core(self.enter(x))
        return y

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.inside(x)
        return x + y if self.skip else y

    def with_inner(self, x: torch.Tensor) -> Pair:
        """The output, and the inner features that the block gives beside it."""
        y, inner = self.core.with_inner(self.enter(x))
        return (x + y if self.skip else y), inner


class Cell(nn.Module):
    """Slots in a row; identities among them are left out. (N, C, H, W) -> the same."""

    def __init__(self, stage: StageSettings, settings: ResidualSettings) -> None:
        super().__init__()
        chosen = [(i, s) for i, s in enumerate(stage.slots) if not BLOCKS[s.role].traits(s.block).identity]
        self.slots = nn.ModuleList(at_place(Slot(s, settings), f"{i}:{s.name}") for i, s in chosen)
        self.skip = settings.residual == "cell" and bool(chosen)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x
        for slot in self.slots:
            y = slot(y)
        return x + y if self.skip else y

    def with_inner(self, x: torch.Tensor) -> Pair:
        """The output, and the inner features of the last block."""
        y = x
        for slot in self.slots[:-1]:
            y = slot(y)
        y, inner = cast(Slot, self.slots[-1]).with_inner(y)
        return (x + y if self.skip else y), inner


def require_inner(cell: Cell) -> None:
    """Raise a UsageError where the last block of a cell gives no inner features."""
    last = cast(Slot, cell.slots[-1]).core if len(cell.slots) else None
    if not hasattr(last, "with_inner"):
        raise UsageError("concat_last: the last block gives no inner features; use 'cell', or a block such as 'spab'")
