"""What a harness must know of a network to feed it rightly."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class ModelDescriptor:
    """Facts a model declares of itself; every model carries one as ``model.descriptor``.

    Images outside a model are RGB (or one-channel) floats in 0..255. The harness multiplies by
    ``value_range / 255`` before and divides after, and pads both sides up to a multiple of
    ``size_multiple`` (and to at least ``min_size``) before calling the network, then crops.

    name: registered baseline name, or the space's name for a derived network
    scale: output side / input side
    channels: colour channels of input and output (1 or 3)
    value_range: the network's own peak value (1.0 or 255.0)
    size_multiple, min_size: in input pixels
    tasks: names (shell wildcards allowed) of the tasks it is meant for
    config: constructor keywords that rebuild it
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
        """Rebuild from ``to_json``; unknown keys are an error (TypeError)."""
        return cls(**{**document, "tasks": tuple(document.get("tasks", ("*",)))})
