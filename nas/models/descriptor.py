"""What the platform must know of a network to call it correctly."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class ModelDescriptor:
    """Facts that a network declares of itself, as ``network.descriptor``.

    Outside a network, images are RGB (or one-channel) floats in 0..255. Whoever calls it multiplies them by
    ``value_range / 255`` before and divides after, pads both sides up to a multiple of ``size_multiple`` (and to at
    least ``min_size``) and crops the result.

    Attributes:
        name: Name of the registered baseline, or of the space of a derived network.
        scale: Side of the output divided by that of the input.
        channels: Colour channels of input and output, 1 or 3.
        value_range: The network's own peak value, 1.0 or 255.0.
        size_multiple: Both sides of an input must be multiples of this, in pixels.
        min_size: Smallest side of an input, in pixels.
        colour_order: Order of the colour channels, "rgb".
        tasks: Names of the tasks it is meant for; shell wildcards are allowed.
        paper: Where it was published.
        licence: Licence of its code or weights.
        config: Keywords that rebuild it.
    """

    name: str
    scale: int = 1
    channels: int = 3
    value_range: float = 255.0
    size_multiple: int = 1
    min_size: int = 1
    colour_order: str = "rgb"
    tasks: tuple[str, ...] = ("*",)
    paper: str = ""
    licence: str = ""
    config: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dictionary; ``from_json`` is its inverse."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> ModelDescriptor:
        """Rebuild a descriptor.

        Args:
            document: What ``to_json`` gave.

        Raises:
            TypeError: The document has an unknown key.
        """
        return cls(**{**document, "tasks": tuple(document.get("tasks", ("*",)))})
