"""What the platform must know of a network to call it correctly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import Any

from nas.errors import NasError

#: no scale, multiple or smallest side of an image is larger
_MOST = 4096


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
            NasError: The document is none of a descriptor: an unknown key, a value of another type or range.
        """
        wanted = {f.name: type(f.default) for f in fields(cls) if f.default is not MISSING} | {
            "name": str,
            "config": dict,
        }
        values = dict(document) if isinstance(document, Mapping) else {}
        if isinstance(values.get("tasks"), list):
            values["tasks"] = tuple(values["tasks"])
        if isinstance(values.get("value_range"), int):
            values["value_range"] = float(values["value_range"])
        for key, value in values.items():
            if type(value) is not wanted.get(key):
                raise NasError(f"a model's description has {key!r} = {_short(value)}, which no descriptor has")
        made = cls(**{"name": "", **values})
        counts = (made.scale, made.size_multiple, made.min_size)
        if not made.name or made.channels not in (1, 3) or not all(1 <= n <= _MOST for n in counts):
            raise NasError(f"a model's description is not possible: name {_short(made.name)}, scale {made.scale}, ...")
        if not (0 < made.value_range < _MOST and all(isinstance(t, str) for t in made.tasks)):
            raise NasError(f"a model's description is not possible: value range {made.value_range}")
        return made


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:79] + "…"
