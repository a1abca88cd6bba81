"""The network skeleton ``residual`` of spaces: a chain of slots as cell, cells in stages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from torch import nn

from nas.errors import UsageError
from nas.models.descriptor import ModelDescriptor
from nas.models.sharing import at_place
from nas.registry import TASKS
from nas.space.blocks import CHAIN
from nas.space.sites import Site
from nas.space.skeletons import cells_of
from search_spaces.modern.network import ResidualNetwork, describe
from search_spaces.modern.settings import EndSettings, ResidualSettings, SlotSettings, StageSettings
from search_spaces.modern.slots import slot_module, slot_of
from search_spaces.modern.staged import StagedSettings

if TYPE_CHECKING:
    from nas.space import Cell, Genotype, Space
    from search_spaces.modern.search import ResidualSupernet


class ResidualSkeleton:
    """Builds supernets and derived networks. A task is a name, or anything with name, scale and channels."""

    Settings = StagedSettings

    def network(self, space: Space, genotype: Genotype, task: Any) -> nn.Module:
        """The derived network of a genotype, freshly initialised.

        Args:
            space: The space, with the genotype's network settings.
            genotype: A point of it.
            task: What the network is for.

        Raises:
            UsageError: The space has not one cell of slots.
        """
        kind, cell = chain_of(space)
        task = _task(task)
        slots = [
            tuple(slot_of(cell.role_of(e), c.block) for e, c in zip(cell.edges, found[kind], strict=True))
            for found in cells_of(space, genotype)
        ]
        settings = _settings(space)
        stages = [StageSettings(cells=n, slots=slots[i]) for n, i in _rows(space)]
        full = ResidualSettings(width=settings.width, stages=tuple(stages), **_ends(settings))
        made = ResidualNetwork(full, task.scale, task.channels, _descriptor(space, full, task))
        _place(made, settings.depths)
        return made

    def supernet(
        self,
        space: Space,
        task: Any,
        *,
        partial_channels: int | None = None,
        edge_weights: bool | None = None,
        start_scale: bool = False,
    ) -> ResidualSupernet:
        """The supernet of a space of which blocks alone are open.

        Args:
            space: Its cell is a chain of slots.
            task: What it is for.
            partial_channels: None or 1: a slot always mixes all channels.
            edge_weights: Without effect: one edge enters every slot.
            start_scale: Divide each candidate by the spread of its output at the start.

        Raises:
            UsageError: Partial channels are wanted, or the space has not one cell of slots.
        """
        from search_spaces.modern.search import ResidualSupernet

        _, cell = chain_of(space)
        taken = cell.relaxation.partial_channels if partial_channels is None else partial_channels
        if taken != 1:
            raise UsageError(
                f"slots of space {space.name!r} mix all channels; set relaxation.partial_channels of its cell and "
                "search.partial_channels to 1"
            )
        task, settings = _task(task), _settings(space)
        stages = [StageSettings(cells=n, slots=(_skip(),)) for n, _ in _rows(space)]
        blank = ResidualSettings(width=settings.width, stages=tuple(stages), **_ends(settings))
        rows = [i for n, i in _rows(space) for _ in range(n)]
        descriptor = _descriptor(space, blank, task)
        made = ResidualSupernet(space, blank, rows, task.scale, task.channels, descriptor, start_scale)
        _place(made.body, settings.depths)
        return made

    def sites(self, space: Space, height: int, width: int) -> dict[str, tuple[Site, ...]]:
        """What the block of each slot is given for an input image of height x width: every cell keeps its size."""
        kind, cell = chain_of(space)
        repeats = [0] * len(space.positions())
        for cells, position in _rows(space):
            repeats[position] += cells
        channels = _settings(space).width
        return {
            space.cell_name(kind, i): (Site(channels, height, width, n),) * len(cell.edges)
            for i, n in enumerate(repeats)
        }

    def part_settings(self, space: Space) -> tuple[object, ...]:
        """What a slot depends on beside its block."""
        settings = _settings(space)
        return settings.width, settings.residual, settings.norm

    def part(self, space: Space, role: str, block: str) -> nn.Module:
        """What a block is in a slot, with its norm."""
        settings = _settings(space)
        stages = (StageSettings(cells=1, slots=(_skip(),)),)
        full = ResidualSettings(width=settings.width, stages=stages, **_ends(settings))
        return slot_module(role, block, full)


def chain_of(space: Space) -> tuple[str, Cell]:
    """The one cell of a space, and its name in the document.

    Raises:
        UsageError: It has another number of cells, or the cell is a graph.
    """
    cells = space.positions()[0]
    if len(cells) != 1 or next(iter(cells.values())).role != CHAIN:
        raise UsageError(
            f"space {space.name!r}: the skeleton {space.skeleton!r} takes one cell of slots; give it slots, not nodes"
        )
    return next(iter(cells.items()))


def _skip() -> SlotSettings:
    return SlotSettings(role="modulation", block="skip")


def _settings(space: Space) -> StagedSettings:
    return cast(StagedSettings, space.network_settings)


def _ends(settings: StagedSettings) -> dict[str, Any]:
    return {name: getattr(settings, name) for name in EndSettings.model_fields}


def _rows(space: Space) -> list[tuple[int, int]]:
    """(number of cells, position that decides for them) of every sequence of equal cells, in order."""
    depths, positions = _settings(space).depths, len(space.positions())
    if positions == 1:
        return [(sum(depths), 0)]
    if positions == len(depths):
        return [(n, i) for i, n in enumerate(depths)]
    return [(1, i) for i in range(positions)]


def _place(network: ResidualNetwork, depths: Sequence[int]) -> None:
    """Say of every cell which one of its stage it is: its number in the network depends on the depths before it."""
    places = [f"{stage}.{i}" for stage, depth in enumerate(depths) for i in range(depth)]
    for cell, place in zip(network.cells, places, strict=True):
        at_place(cell, place)


def _task(task: Any) -> Any:
    return TASKS.get(task) if isinstance(task, str) else task


def _descriptor(space: Space, settings: ResidualSettings, task: Any) -> ModelDescriptor:
    return describe(space.name, settings, task.scale, task.channels, tasks=(task.name,))


RESIDUAL = ResidualSkeleton()
