"""From the name of a block in a genotype to a slot."""

from __future__ import annotations

from torch import nn

from nas.space.blocks import BLOCKS
from nas.space.variants import split_variant
from search_spaces.modern.cells import Slot
from search_spaces.modern.settings import ResidualSettings, SlotSettings


def slot_of(role: str, block: str) -> SlotSettings:
    """A slot with a block by its name, with or without parameters."""
    name, parameters = split_variant(block, BLOCKS[role].traits(block))
    return SlotSettings(role=role, block=name, parameters=parameters)  # type: ignore[arg-type]


def slot_module(role: str, block: str, settings: ResidualSettings, kind: type[Slot] = Slot) -> nn.Module:
    """The module of a slot with a block, of the given kind; an identity is one."""
    if BLOCKS[role].traits(block).identity:
        return nn.Identity()
    return kind(slot_of(role, block), settings)
