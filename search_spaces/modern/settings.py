"""The settings of the skeleton ``residual``: what a network is made of, typed, without torch.

A settings object is plain data (``model_dump`` gives JSON, ``ResidualSettings(**data)`` reads it), so that a space can
build it from decisions, and a document can hold it: ``nas.space.skeleton_settings.read_settings``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from nas.errors import UsageError, did_you_mean
from nas.space.blocks import BLOCKS
from nas.space.document import Location, dotted
from nas.space.skeleton_settings import SkeletonSettings
from nas.space.variants import variant_name

Whole = Annotated[int, Field(strict=True)]


class SlotSettings(SkeletonSettings):
    """A place in a cell and the block that fills it.

    Attributes:
        role: Of the block.
        block: Name of the block.
        parameters: Of the block, by name; those that are not named have their defaults.
    """

    role: Literal["operation", "modulation"] = Field(description="role of the block")
    block: str = Field(description="name of the block")
    parameters: dict[str, Any] = Field({}, description="parameters of the block; unnamed ones have their defaults")

    @property
    def name(self) -> str:
        """The block with its parameters, as genotypes name it."""
        return variant_name(self.block, BLOCKS[self.role].traits(self.block), self.parameters)


class StageSettings(SkeletonSettings):
    """Cells in a row that have the same blocks, each with weights of its own.

    Attributes:
        cells: How many.
        slots: Of each cell, in the order in which they are passed.
    """

    cells: Whole = Field(ge=1, le=1000, description="cells in a row")
    slots: tuple[SlotSettings, ...] = Field(min_length=1, description="slots of each cell, in order")


class EndSettings(SkeletonSettings):
    """All of a network but its width and its cells.

    Attributes:
        residual: Where the skips run: round every slot, round every cell, or nowhere. Blocks with the wrapper ``own``
            have their own or none.
        norm: Of the input of every slot whose block has the wrapper ``follow``: by length, by layer, or none.
        tail: Between the last cell and the image. ``plain``: nothing; ``dw``: depthwise 3x3 and GELU; ``conv3``: a 3x3;
            the head's features are added to each. ``concat4``: a 1x1 over the head's features, a 3x3 of the last
            cell's, the first cell's and the last but one's.
        image_skip: What is added to the output: nothing, or the input enlarged by nearest neighbour or bilinearly.
        concat_last: The fourth input of ``concat4``: the last ``cell`` but one's output, or as in SPAN the ``inner``
            features of the last block.
        ends: Whether head and 3x3 of the tail are plain convolutions or re-parameterised as in SPAN.
        input: ``plain``, or ``centred``: the DIV2K mean subtracted and the rest brought to a peak of 255, as in SPAN.
        value_range: Peak value of input and output, 1 or 255.
    """

    residual: Literal["slot", "cell", "none"] = Field("slot", description="where the skips run")
    norm: Literal["l2", "layer", "none"] = Field("l2", description="norm of the input of a slot")
    tail: Literal["plain", "dw", "conv3", "concat4"] = Field("plain", description="between the last cell and the image")
    image_skip: Literal["none", "nearest", "bilinear"] = Field("none", description="what is added to the output")
    concat_last: Literal["cell", "inner"] = Field("cell", description="concat4: its fourth input")
    ends: Literal["plain", "reparameterised"] = Field("plain", description="convolutions of head and tail")
    input: Literal["plain", "centred"] = Field("plain", description="whether the mean of DIV2K is subtracted")
    value_range: Literal[1, 255] = Field(1, description="peak value of input and output")


class ResidualSettings(EndSettings):
    """A network: head, stages of cells of slots, tail, one convolution and one pixel shuffle to the image.

    Attributes:
        width: Channels between the cells.
        stages: In order.
    """

    width: Whole = Field(ge=1, le=4096, description="channels between the cells")
    stages: tuple[StageSettings, ...] = Field(min_length=1, description="stages of cells, in order")

    @property
    def depth(self) -> int:
        """Cells in all."""
        return sum(stage.cells for stage in self.stages)

    @property
    def min_size(self) -> int:
        """Smallest side of an input that every block takes, in pixels."""
        slots = [slot for stage in self.stages for slot in stage.slots]
        return max(BLOCKS[slot.role].traits(slot.block).min_size for slot in slots)

    def canonical(self) -> ResidualSettings:
        """The settings with which equal networks are equal: no skips among the slots, every parameter at its value.

        A stage of skips alone keeps one of them.
        """
        stages = []
        for stage in self.stages:
            kept = [_complete(slot) for slot in stage.slots if not BLOCKS[slot.role].traits(slot.block).identity]
            stages.append(stage.model_copy(update={"slots": tuple(kept) or stage.slots[:1]}))
        return self.model_copy(update={"stages": tuple(stages)})

    def problems(self) -> Iterator[tuple[Location, str]]:
        """Unknown blocks and parameters, and widths that do not divide."""
        for i, stage in enumerate(self.stages):
            for j, slot in enumerate(stage.slots):
                for location, problem in _slot_problems(slot, self.width):
                    yield location if location == ("width",) else ("stages", i, "slots", j, *location), problem


def _complete(slot: SlotSettings) -> SlotSettings:
    traits = BLOCKS[slot.role].traits(slot.block)
    return slot.model_copy(update={"parameters": traits.options(slot.block, slot.parameters)})


def _slot_problems(slot: SlotSettings, width: int) -> Iterator[tuple[Location, str]]:
    registry = BLOCKS[slot.role]
    if slot.block not in registry:
        hint = did_you_mean(slot.block, registry.names())
        yield ("block",), f"unknown {registry.kind} {slot.block!r}; {hint}"
        return
    traits = registry.traits(slot.block)
    if traits.zero:
        yield ("block",), f"block {slot.block!r} cannot stand in a network; choose another one"
    if width % traits.channel_multiple:
        yield ("width",), f"{slot.block!r} needs channels in multiples of {traits.channel_multiple}, not {width}"
    try:
        traits.options(slot.block, slot.parameters)
    except UsageError as error:
        yield ("parameters",), str(error)


def slot(role: Literal["operation", "modulation"], block: str, **parameters: Any) -> SlotSettings:
    """A slot with a block, its parameters as keywords."""
    return SlotSettings(role=role, block=block, parameters=parameters)


def uniform(width: int, cells: int, *slots: SlotSettings, **settings: Any) -> ResidualSettings:
    """A network of one stage.

    Args:
        width: Channels between the cells.
        cells: How many cells.
        slots: Of each cell.
        settings: All else, see ``ResidualSettings``.

    Raises:
        UsageError: A value is impossible; the message names it.
    """
    try:
        made = ResidualSettings(width=width, stages=(StageSettings(cells=cells, slots=slots),), **settings)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        place, text = dotted(fault["loc"]), fault["msg"]
        raise UsageError(f"{place}: {text[0].lower()}{text[1:]}, got {fault['input']!r}") from None
    made.check()
    return made
