"""Where the blocks of a space sit in the derived network: what a block costs depends on it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Site:
    """What a block on one edge is given: a tensor (1, channels, height, width).

    A skeleton tells it by ``sites(space, height, width) -> dict[cell name, tuple[Site, ...]]``, one for each edge,
    for an *input image* of height x width pixels. Without that method costs are counted by building whole networks.
    A skeleton that puts more than the block itself on an edge, such as a norm, also has ``part(space, role, block)``,
    the module that stands there, and ``part_settings(space)``, the settings that it depends on.

    Attributes:
        channels: Of the tensor.
        height: In pixels.
        width: In pixels.
        repeats: At how many places of the network the block sits.
    """

    channels: int
    height: int
    width: int
    repeats: int = 1
