"""Where the blocks of a space sit in the derived network: what a block costs depends on it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Site:
    """What a block on one edge is given: (1, channels, height, width), at ``repeats`` places of the network.

    A skeleton tells it by ``sites(space, height, width) -> dict[cell name, tuple[Site, ...]]``, one for each edge,
    for an *input image* of height x width pixels. A skeleton without that method is costed by building whole networks.
    """

    channels: int
    height: int
    width: int
    repeats: int = 1
