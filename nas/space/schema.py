"""The typed shape of a space document: which keys there are, and what each may hold.

The meaning of a field is said here, once; what several fields must be together (channel arithmetic, wiring, names of
blocks) is checked in ``nas.space.build``.
"""

from __future__ import annotations

from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError

from nas.errors import did_you_mean
from nas.space.document import Document, DocumentError, Location

FORMAT = "nas.space/1"

Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.-]*$", max_length=80)]
CellName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=40)]
EdgeName = Annotated[str, Field(pattern=r"^[0-9]{1,3}->[0-9]{1,3}$")]


def _kind(value: Any) -> str:
    return "@lists" if isinstance(value, list) else "@word"


#: "all" earlier nodes, or for each node the list of the earlier nodes that feed it
Inputs = Annotated[
    Annotated[Literal["all"], Tag("@word")] | Annotated[list[list[int]], Tag("@lists")], Discriminator(_kind)
]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class RelaxationSchema(_Strict):
    """How the supernet mixes the candidates of an edge.

    Attributes:
        partial_channels: k; only the first 1/k of the channels passes through the candidates (1: all of them).
        edge_weights: The edges that enter a node are weighted by a softmax of their own (PC-DARTS).
    """

    partial_channels: int = Field(
        default=1, ge=1, le=64, description="k: 1/k of the channels passes through the candidates of a supernet"
    )
    edge_weights: bool = Field(False, description="a supernet weights the edges that enter a node (PC-DARTS)")


class CellSchema(_Strict):
    """A directed acyclic graph: node 0 is the cell's input, nodes 1..nodes are computed.

    Attributes:
        role: "operation" (blocks at width C) or "attention" (blocks at width W).
        nodes: Number of nodes that are computed.
        inputs: Which earlier nodes feed each node.
        candidates: The choices of every edge.
        edges: Other choices for single edges, keyed "source->target".
        merge: How a node joins the edges that enter it.
        relaxation: How a supernet mixes the candidates.
    """

    role: Literal["operation", "attention"]
    nodes: int = Field(ge=1, le=32)
    inputs: Inputs = "all"
    candidates: list[str]
    edges: dict[EdgeName, list[str]] = {}
    merge: Literal["sum", "mean"] = "sum"
    relaxation: RelaxationSchema = RelaxationSchema()


class NetworkSettings(_Strict):
    """How wide and how deep a network is.

    Attributes:
        width: C, channels of an operation node.
        cells: L, cells in a row.
        features: W, channels between cells: C * (nodes + 1) where there is an operation cell, and to be given where
            there is none.
        image_residual: The network adds its input image, enlarged bicubically for a larger output, to its output.
        keep: Which edges a derived cell keeps ("all", as in the JSNet release).
    """

    width: int = Field(default=16, ge=1, le=4096, description="C, channels of an operation node")
    cells: int = Field(default=5, ge=1, le=1000, description="L, cells in a row")
    features: int | None = Field(
        default=None, ge=1, le=65536, description="W, channels between cells, where there is no operation cell"
    )
    image_residual: bool = Field(False, description="the input image, enlarged if necessary, is added to the output")
    keep: Literal["all"] = Field("all", description="as in format 1; kept edges are the key `keep` of a cell")

    @property
    def positions(self) -> dict[str, int]:
        """How many cells decide for themselves, by what a space shares (see ``SkeletonSettings``)."""
        return {"all": 1, "cell": self.cells}


class SpaceSchema(_Strict):
    """The whole document.

    Attributes:
        format: "nas.space/1".
        name: What users type.
        title: A line for lists.
        skeleton: Name of the network skeleton.
        cells: Name of a cell -> the cell.
        network: How wide and how deep a network is.
        preset: The preset that applies when none is asked for.
        presets: Name -> dotted path -> value.
    """

    format: Literal["nas.space/1"]
    name: Name
    title: str = ""
    skeleton: str = "jsnet"
    cells: dict[CellName, CellSchema] = Field(min_length=1)
    network: NetworkSettings = NetworkSettings()
    preset: str | None = None
    presets: dict[Name, dict[str, Any]] = {}


def read_schema(document: Document) -> SpaceSchema:
    """Check keys and types.

    Raises:
        DocumentError: The first fault, with its path, its line and the nearest valid name.
    """
    try:
        return SpaceSchema.model_validate(document.data)
    except ValidationError as error:
        raise schema_error(document, error, SpaceSchema) from None


def schema_error(
    document: Document, error: ValidationError, model: type[BaseModel], base: Location = ()
) -> DocumentError:
    """The first of pydantic's findings in the words of this package.

    Args:
        document: Where the fault lies.
        error: What pydantic found.
        model: The schema that it checked.
        base: Location of what was checked inside the document.
    """
    faults = error.errors(include_url=False)
    # An unknown key explains a missing one (a misspelling gives both), so it goes first.
    fault = min(faults, key=lambda f: f["type"] != "extra_forbidden")
    location: Location = tuple(p for p in fault["loc"] if not str(p).startswith("@") and p != "[key]")
    kind, context = fault["type"], fault.get("ctx", {})
    if kind == "extra_forbidden":
        message = f"unknown key {location[-1]!r}; {did_you_mean(str(location[-1]), _keys(model, location[:-1]))}"
    elif kind == "missing":
        message = f"the key {location[-1]!r} is missing; add it"
    elif kind == "literal_error":
        message = f"{_short(fault['input'])} is not valid here; expected {context['expected']}"
    elif kind == "string_pattern_mismatch":
        message = f"{_short(fault['input'])} is not a valid name here (pattern {context['pattern']})"
    else:
        text = fault["msg"]
        message = f"{text[0].lower()}{text[1:]}, got {_short(fault['input'])}"
    return document.error(base + location, message)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _keys(model: type[BaseModel], location: Location) -> list[str]:
    """The keys that are valid inside the mapping at ``location``."""
    found = _model_at(model, location)
    return list(found.model_fields) if found is not None else []


def _model_at(kind: Any, location: Location) -> type[BaseModel] | None:
    """The model that checks what stands at ``location`` inside a value of type ``kind``; None where there is none."""
    origin, inside = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _model_at(inside[0], location)
    if origin in (Union, UnionType):
        return next((found for arm in inside if (found := _model_at(arm, location)) is not None), None)
    if origin is dict:
        return _model_at(inside[1], location[1:]) if location else None
    if origin in (list, tuple):
        return _model_at(inside[0], location[1:]) if location else None
    if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
        return None
    if not location:
        return kind
    field = kind.model_fields.get(str(location[0]))
    return _model_at(field.annotation, location[1:]) if field is not None else None
