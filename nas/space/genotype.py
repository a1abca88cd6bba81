"""A genotype: which block sits on which edge, as a JSON document addressed by its content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nas.documents import parse_json, read_text
from nas.errors import UsageError
from nas.files import write_text
from nas.space.document import Document
from nas.space.schema import NetworkSettings, schema_error
from nas.space.svg import cells_svg
from nas.space.two_lists import TwoLists, check_list, edges_of_list

FORMAT = "nas.genotype/1"
#: of genotypes whose network settings are those of another skeleton, and which hold every one of them
FORMAT_2 = "nas.genotype/2"
#: network settings a genotype may carry
SETTINGS = tuple(NetworkSettings.model_fields)


class Choice(NamedTuple):
    """One edge of a derived cell.

    Attributes:
        source: The node it reads.
        target: The node to which it contributes.
        block: Name of the block that computes the contribution.
    """

    source: int
    target: int
    block: str


def content_hash(content: Any) -> str:
    """A name for a JSON-ready value: 16 hex digits of SHA-256, whatever the order of its keys."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True, eq=False)
class Genotype:
    """The structure of a derived network, with where it came from.

    Two genotypes are equal if their structure is: cells, network settings (absent ones count as their defaults) and
    skeleton. ``hash`` names that structure.

    Attributes:
        cells: Name of a cell -> its choices; they are sorted by target, then source.
        network: Settings of ``nas.space.schema.NetworkSettings``; what is absent is as in the space.
        space_name: Name of the space it was found in.
        space_hash: Hash of that space.
        skeleton: Name of the network skeleton.
        provenance: Free JSON-ready notes (run, seed, strategy, task, versions); no part of hash or equality.
        format: ``FORMAT``, or ``FORMAT_2`` where ``network`` holds all settings of a skeleton of any kind.
    """

    cells: Mapping[str, tuple[Choice, ...]]
    network: Mapping[str, Any] = field(default_factory=dict)
    space_name: str = ""
    space_hash: str = ""
    skeleton: str = "jsnet"
    provenance: Mapping[str, Any] = field(default_factory=dict)
    format: str = FORMAT

    def __post_init__(self) -> None:
        cells = {name: _sorted_choices(name, choices) for name, choices in self.cells.items()}
        network = {k: v for k, v in self.network.items() if v is not None}
        if self.format == FORMAT:
            if not cells:
                raise UsageError("a genotype needs at least one cell; give its choices")
            settings_of(network)  # raises for unknown or malformed settings
        object.__setattr__(self, "cells", cells)
        object.__setattr__(self, "network", network)
        object.__setattr__(self, "provenance", dict(self.provenance))

    @property
    def structure(self) -> dict[str, Any]:
        """What the hash is taken of: JSON-ready cells, network settings with defaults, skeleton."""
        settings = dict(self.network)
        if self.format == FORMAT:
            settings = settings_of(self.network).model_dump(exclude_none=True)
        return {"cells": _cells_to_json(self.cells), "network": settings, "skeleton": self.skeleton}

    @property
    def hash(self) -> str:
        """16 hex digits naming the structure; the same on every machine."""
        return content_hash(self.structure)

    def __eq__(self, other: object) -> bool:
        return self.structure == other.structure if isinstance(other, Genotype) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.hash)

    def with_provenance(self, **notes: Any) -> Genotype:
        """The same structure with notes added to its provenance."""
        return replace(self, provenance={**self.provenance, **notes})

    def with_network(self, **settings: Any) -> Genotype:
        """The same cells with other network settings (width, cells, ...); None: as the space says."""
        return replace(self, network={**self.network, **settings})

    # -- JSON ---------------------------------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        """The document that ``save`` writes, as a dictionary."""
        return {
            "format": self.format,
            "space": {"name": self.space_name, "hash": self.space_hash},
            "skeleton": self.skeleton,
            "cells": _cells_to_json(self.cells),
            "network": dict(self.network),
            "provenance": dict(self.provenance),
            "hash": self.hash,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any] | str, source: str = "genotype") -> Genotype:
        """Read a genotype.

        Args:
            content: What ``to_json`` gives, JSON text of it, or the two-list form
                ``{"normal": [[name, index], ...], "attention": [...]}``.
            source: What to call it in messages.

        Raises:
            UsageError: A wrong format, an unknown key, or content that does not fit its hash.
        """
        data: Any = parse_json(content, source) if isinstance(content, str) else content
        if not isinstance(data, Mapping):
            raise UsageError(f"{source}: a genotype is a JSON object, not a {type(data).__name__}")
        if "format" not in data and ("normal" in data or "attention" in data):
            return cls._from_two_list_json(data, source)
        document = Document(dict(data), source)
        try:
            schema = _GenotypeSchema.model_validate(document.data)
        except ValidationError as error:
            raise schema_error(document, error, _GenotypeSchema) from None
        cells = {
            name: tuple(Choice(e.source, e.target, e.block) for e in edges) for name, edges in schema.cells.items()
        }
        try:
            genotype = cls(
                cells,
                schema.network,
                schema.space.name,
                schema.space.hash,
                schema.skeleton,
                schema.provenance,
                schema.format,
            )
        except UsageError as error:
            raise UsageError(f"{source}: {error}") from error
        if genotype.hash != schema.hash:
            raise UsageError(
                f"{source}: the content has the hash {genotype.hash} but the file says {schema.hash!r}: "
                "it was changed after it was written; restore it, or give the two-list form if that is meant"
            )
        return genotype

    @classmethod
    def _from_two_list_json(cls, data: Mapping[str, Any], source: str) -> Genotype:
        unknown = [str(k) for k in data if k not in ("normal", "attention", *SETTINGS)]
        if unknown:
            raise UsageError(f"{source}: unknown key {unknown[0]!r}; known: normal, attention, {', '.join(SETTINGS)}")
        settings = {k: data[k] for k in SETTINGS if k in data}
        try:
            return cls.from_lists(data.get("normal", ()), data.get("attention", ()), **settings)
        except UsageError as error:
            raise UsageError(f"{source}: {error}") from error

    def to_json_text(self) -> str:
        """The content of a genotype file.

        Raises:
            UsageError: The provenance is not JSON-ready.
        """
        try:
            return json.dumps(self.to_json(), indent=2, ensure_ascii=False) + "\n"
        except (TypeError, ValueError) as error:
            raise UsageError(f"the provenance of the genotype is not JSON-ready ({error}); use plain values") from error

    def save(self, path: str | Path) -> Path:
        """Write the JSON document, atomically and to the disk.

        Args:
            path: The file; its folder is made where it is missing.

        Returns:
            The path.

        Raises:
            UsageError: The file cannot be written, or the provenance is not JSON-ready.
        """
        file, text = Path(path), self.to_json_text()
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            return write_text(file, text, durable=True)
        except OSError as error:
            raise UsageError(f"cannot write {str(file)!r} ({error.strerror}); choose another place") from error

    @classmethod
    def load(cls, path: str | Path) -> Genotype:
        """Read a file in either form.

        Raises:
            UsageError: The file cannot be read, or as for ``from_json``.
        """
        try:
            text = read_text(path)
        except UsageError as error:
            raise UsageError(f"cannot read genotype: {error}; give the path of a genotype's JSON file") from error
        return cls.from_json(text, source=Path(path).name)

    # -- the two-list form of the JSNet release -------------------------------------------------------------

    @classmethod
    def from_lists(
        cls,
        normal: Iterable[Any],
        attention: Iterable[Any],
        provenance: Mapping[str, Any] | None = None,
        **network: Any,
    ) -> Genotype:
        """Read the two-list form.

        Args:
            normal: Choices of the operation cell, as (block name, predecessor index) in the order of edges: node 1
                from 0; node 2 from 0, 1; and so on. The length is triangular (1, 3, 6); an empty list means that the
                network has no such cell.
            attention: Choices of the attention cell, likewise.
            provenance: Notes of where it came from.
            network: Network settings: width, cells, ... (see SETTINGS).

        Raises:
            UsageError: A name is not registered or not selectable, an index is not that of the order, or both lists
                are empty.
        """
        cells: dict[str, tuple[Choice, ...]] = {}
        for cell, key, entries in (("operation", "normal", normal), ("attention", "attention", attention)):
            pairs = check_list(key, cell, entries)
            if pairs:
                wiring = edges_of_list(len(pairs))
                cells[cell] = tuple(Choice(s, t, n) for (s, t), (n, _) in zip(wiring, pairs, strict=True))
        if not cells:
            raise UsageError("both lists of the genotype are empty; give at least one (name, index) pair")
        space = "jsm" if len(cells) == 2 else {"operation": "osm", "attention": "asm"}[next(iter(cells))]
        return cls(cells, network, space_name=space, provenance=provenance or {})

    def to_lists(self) -> TwoLists:
        """The inverse of ``from_lists``.

        Raises:
            UsageError: The two-list form cannot express this genotype.
        """
        lists: dict[str, list[tuple[str, int]]] = {"operation": [], "attention": []}
        for name, choices in self.cells.items():
            if name not in lists:
                raise UsageError(
                    f"the two-list form has the cells operation and attention only, not {name!r}; use JSON"
                )
            nodes = max(c.target for c in choices)
            if [(c.source, c.target) for c in choices] != [(s, t) for t in range(1, nodes + 1) for s in range(t)]:
                raise UsageError(
                    f"cell {name!r} does not feed every node from all earlier ones, which the two-list form "
                    "cannot express; use JSON"
                )
            lists[name] = [(c.block, c.source) for c in choices]
        return TwoLists(lists["operation"], lists["attention"])

    def to_text(self) -> str:
        """Some lines for people: each node of each cell as the sum of its blocks, and a warning of its provenance."""
        settings = ", ".join(f"{k} {_shown(v)}" for k, v in self.network.items())
        lines = [f"genotype {self.hash} ({self.space_name or self.skeleton}{': ' + settings if settings else ''})"]
        for name, choices in self.cells.items():
            lines.append(f"  {name} cell")
            for node in sorted({c.target for c in choices}):
                terms = " + ".join(f"{c.block}({c.source})" for c in choices if c.target == node)
                lines.append(f"    {node} = {terms}")
        if self.provenance.get("warning"):
            lines.append(f"  warning: {self.provenance['warning']}")
        return "\n".join(lines)

    __str__ = to_text

    def to_svg(self) -> str:
        """The cells as a small drawing: an SVG element."""
        arcs = {name: [(c.source, c.target, c.block) for c in choices] for name, choices in self.cells.items()}
        return cells_svg(arcs, str(self))

    def _repr_svg_(self) -> str:
        """What a notebook shows: the cells, drawn."""
        return self.to_svg()


def settings_of(network: Mapping[str, Any]) -> NetworkSettings:
    """Network settings with their types, defaults filled in; a wrong key or value is a DocumentError."""
    document = Document({"network": dict(network)}, "genotype")
    try:
        return NetworkSettings.model_validate(document.data["network"])
    except ValidationError as error:
        raise schema_error(document, error, NetworkSettings, ("network",)) from None


class _EdgeSchema(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    source: int = Field(alias="from", ge=0)
    target: int = Field(alias="to", ge=1)
    block: str


class _SpaceReference(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    name: str
    hash: str


class _GenotypeSchema(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    format: Literal["nas.genotype/1", "nas.genotype/2"]
    space: _SpaceReference
    skeleton: str
    cells: dict[str, Annotated[list[_EdgeSchema], Field(min_length=1)]]
    network: dict[str, Any]
    provenance: dict[str, Any] = {}
    hash: str


def _cells_to_json(cells: Mapping[str, tuple[Choice, ...]]) -> dict[str, list[dict[str, Any]]]:
    return {
        name: [{"from": c.source, "to": c.target, "block": c.block} for c in choices] for name, choices in cells.items()
    }


def _sorted_choices(cell: str, choices: Iterable[Choice]) -> tuple[Choice, ...]:
    made = []
    for choice in choices:
        try:
            source, target, name = choice
        except (TypeError, ValueError):
            raise UsageError(f"cell {cell!r}: {choice!r} is not a (source, target, block) triple") from None
        if not (type(source) is int and type(target) is int and isinstance(name, str) and 0 <= source < target):
            raise UsageError(f"cell {cell!r}: {tuple(choice)!r} is no edge; source and target are ints, source first")
        made.append(Choice(source, target, name))
    made.sort(key=lambda c: (c.target, c.source))
    for first, second in pairwise(made):
        if first[:2] == second[:2]:
            raise UsageError(f"cell {cell!r}: the edge {first.source}->{first.target} is given twice; remove one")
    if not made:
        raise UsageError(f"cell {cell!r} of the genotype has no edges; give at least one, or leave the cell out")
    return tuple(made)


def _shown(value: Any) -> str:
    """A setting as people write it."""
    if isinstance(value, Mapping):
        return "(" + ", ".join(f"{k} {_shown(v)}" for k, v in value.items()) + ")"
    return "[" + ", ".join(map(_shown, value)) + "]" if isinstance(value, list | tuple) else str(value)


def skip_share(genotype: Genotype) -> float:
    """Share of skip connections among the chosen blocks, 0..1."""
    blocks = [choice.block for choices in genotype.cells.values() for choice in choices]
    return sum(block in ("skip_connect", "skip") for block in blocks) / max(len(blocks), 1)
