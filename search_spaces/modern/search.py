"""The searchable network of slots: every slot holds all its candidates, mixed by the architecture variables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import nn

from nas.models.descriptor import ModelDescriptor
from nas.space.blocks import BLOCKS
from nas.supernet import Mixture, Supernet
from nas.supernet.mixed import mix
from search_spaces.modern.cells import Slot
from search_spaces.modern.network import ResidualNetwork
from search_spaces.modern.settings import ResidualSettings, SlotSettings
from search_spaces.modern.slots import slot_module

if TYPE_CHECKING:
    from nas.space import Cell, Space


#: side of the noise on which the start scale is measured, in pixels
PROBE = 32
#: below it, a block is as good as silent, and is not raised further
LEAST_SCALE = 1e-3


class ScaledSlot(Slot):
    """A slot whose block is divided by the spread that its output has at the start on noise of unit variance.

    At their starts the blocks' outputs differ up to 30-fold, by which a mixture favours whatever passes its input on.
    """

    def __init__(self, slot: SlotSettings, settings: ResidualSettings) -> None:
        super().__init__(slot, settings)
        with torch.no_grad():
            noise = torch.randn(2, settings.width, PROBE, PROBE, generator=torch.Generator().manual_seed(0))
            spread = float(super().inside(noise).std())
        # a parameter that is not trained, so that it is shared over sizes like the weights it belongs to
        self.start_scale = nn.Parameter(torch.tensor(max(spread, LEAST_SCALE)), requires_grad=False)

    def inside(self, x: torch.Tensor) -> torch.Tensor:
        return super().inside(x) / self.start_scale


class MixedSlot(nn.Module):
    """All candidates of a slot, each with its norm and its skip. (N, C, H, W) -> the same.

    scaled: each of them is a ``ScaledSlot``.
    """

    def __init__(self, names: Sequence[str], role: str, settings: ResidualSettings, scaled: bool = False) -> None:
        super().__init__()
        self.infos = tuple(BLOCKS[role].get(name) for name in names)
        kind = ScaledSlot if scaled else Slot
        self.blocks = nn.ModuleList(slot_module(role, name, settings, kind) for name in names)

    def forward(self, x: torch.Tensor, weights: torch.Tensor, only: int | None = None) -> torch.Tensor:
        """x: (N, C, H, W), weights: (K,) -> (N, C, H, W); ``only`` as for ``nas.supernet.mixed.mix``."""
        return mix(x, weights, list(self.blocks), self.infos, only)


class MixedCell(nn.Module):
    """A chain of mixed slots; the mixture is handed in, because the cells of a stage share it."""

    def __init__(self, cell: Cell, settings: ResidualSettings, scaled: bool = False) -> None:
        super().__init__()
        self.slots = nn.ModuleList(MixedSlot(e.candidates, cell.role_of(e), settings, scaled) for e in cell.edges)
        self.skip = settings.residual == "cell"

    def forward(self, x: torch.Tensor, mixture: Mixture) -> torch.Tensor:
        """(N, C, H, W) -> the same."""
        y = x
        for e, slot in enumerate(self.slots):
            y = slot(y, mixture.candidates[e], None if mixture.chosen is None else mixture.chosen[e])
        return x + y if self.skip else y


class ResidualSupernet(Supernet):
    """Head, mixed cells, tail and pixel shuffle.

    Input (N, channels, H, W) with values up to the settings' ``value_range``, output (N, channels, s*H, s*W).
    """

    def __init__(
        self,
        space: Space,
        settings: ResidualSettings,
        rows: Sequence[int],
        scale: int,
        channels: int,
        descriptor: ModelDescriptor,
        scaled: bool = False,
    ) -> None:
        """Build all candidates of all cells.

        Args:
            space: Whose supernet it is.
            settings: Of its networks, with cells that hold nothing yet.
            rows: For each cell the position that decides for it.
            scale: Side of the output / side of the input.
            channels: Colour channels.
            descriptor: Its descriptor; ``min_size`` is raised to what the blocks need.
            scaled: Candidates are divided by their start scale (``ScaledSlot``).
        """
        super().__init__(space, {name: name.replace(".", "_") for name in space.cells}, {})
        found = list(space.cells)
        self._rows = [found[position] for position in rows]
        traits = [BLOCKS[c.role_of(e)].traits(n) for c in space.cells.values() for e in c.edges for n in e.candidates]
        self.descriptor = replace(descriptor, min_size=max(t.min_size for t in traits))
        self.body = ResidualNetwork(settings, scale, channels, self.descriptor)
        self.body.cells = nn.ModuleList(MixedCell(space.cells[name], settings, scaled) for name in self._rows)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        mixtures = self.mixtures()
        return self.body.through(image, lambda number, cell, x: cell(x, mixtures[self._rows[number - 1]]))
