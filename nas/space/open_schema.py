"""The typed shape of a document of format 2, in which more than blocks may be left open.

What stands under ``network`` is checked by the settings model of the skeleton (``nas.space.open_build``).
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, ValidationError

from nas.space.document import Document
from nas.space.schema import CellName, EdgeName, Inputs, Name, RelaxationSchema, _Strict, schema_error

FORMAT_2 = "nas.space/2"

_COUNT = re.compile(r"^(\d+(?:\.\d+)?)([kKMGT]?)$")
_FACTORS = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


def _count(value: Any) -> Any:
    """The number that ``480k`` stands for."""
    found = _COUNT.match(value) if isinstance(value, str) else None
    return float(found[1]) * _FACTORS[found[2]] if found else value


def _candidate_kind(value: Any) -> str:
    return "@block" if isinstance(value, dict) else "@word"


def _cell_kind(value: Any) -> str:
    chain = "slots" in value if isinstance(value, dict) else isinstance(value, ChainSchema)
    return "@chain" if chain else "@graph"


#: a block by its name, or ``{block: NAME, PARAMETER: VALUE or {choice: [...]}}``
Candidate = Annotated[
    Annotated[str, Tag("@word")] | Annotated[dict[str, Any], Tag("@block")], Discriminator(_candidate_kind)
]
Count = Annotated[float, BeforeValidator(_count, json_schema_input_type=float | str), Field(gt=0)]


class GraphSchema(_Strict):
    """A directed acyclic graph: node 0 is the cell's input, nodes 1..nodes are computed.

    Attributes:
        role: Role of the candidates.
        nodes: Number of nodes that are computed.
        inputs: Which earlier nodes feed each node.
        candidates: The choices of every edge.
        edges: Other choices for single edges, keyed "source->target".
        keep: How many of the edges that enter a node a derived network keeps.
        merge: How a node joins the edges that enter it.
        relaxation: How a supernet mixes the candidates.
    """

    role: Literal["operation", "attention"] = Field(description="role of the candidates")
    nodes: int = Field(ge=1, le=32, description="computed nodes; node 0 is the cell's input")
    inputs: Inputs = Field("all", description="`all` earlier nodes feed each node, or for each node a list of them")
    candidates: list[Candidate] = Field(description="blocks that compete on every edge")
    edges: dict[EdgeName, list[Candidate]] = Field({}, description='candidates of single edges, such as `"0->1": [rb]`')
    keep: Literal["all"] | Annotated[int, Field(ge=1)] = Field(
        "all", description="edges that enter a node in a derived network: `all`, or a number; which is then decided"
    )
    merge: Literal["sum", "mean"] = Field("sum", description="how a node joins its edges")
    relaxation: RelaxationSchema = Field(RelaxationSchema(), description="how a supernet mixes the candidates")


class SlotSchema(_Strict):
    """A place in a chain.

    Attributes:
        role: Role of the candidates.
        candidates: The choices.
    """

    role: Literal["operation", "attention", "modulation"] = Field(description="role of the candidates")
    candidates: list[Candidate] = Field(description="blocks that compete for the slot")


class ChainSchema(_Strict):
    """Slots in a row, each of which holds one block; an identity block leaves its slot out.

    Attributes:
        slots: In the order in which they are passed.
        relaxation: How a supernet mixes the candidates.
    """

    slots: list[SlotSchema] = Field(min_length=1, max_length=16, description="slots in the order of the data")
    relaxation: RelaxationSchema = Field(RelaxationSchema(), description="how a supernet mixes the candidates")


CellSchema2 = Annotated[
    Annotated[GraphSchema, Tag("@graph")] | Annotated[ChainSchema, Tag("@chain")], Discriminator(_cell_kind)
]


class DocumentLimits(_Strict):
    """The budget that belongs to the space; limits of the command line replace them one by one.

    Attributes:
        params: Most parameters.
        macs: Most multiply-adds, at the output size for which the task counts costs.
        latency: Longest latency in milliseconds.
    """

    params: Count | None = Field(None, description="most parameters, such as `480k`")
    macs: Count | None = Field(None, description="most multiply-adds of one image, such as `101G`")
    latency: Annotated[float, Field(gt=0)] | None = Field(
        None, description="longest latency in milliseconds; needs a latency table"
    )


class OpenSchema(_Strict):
    """The whole document of format 2.

    Attributes:
        format: "nas.space/2".
        name: What users type.
        title: A line for lists.
        skeleton: Name of the network skeleton.
        share: Which cells of a network have the same blocks.
        cells: Name of a cell -> the cell; a skeleton may need none.
        network: Settings of the skeleton; any of them may be a choice.
        limits: The budget of the space.
        preset: The preset that applies when none is asked for.
        presets: Name -> dotted path -> value.
    """

    format: Literal["nas.space/2"] = Field(description="`nas.space/2`")
    name: Name = Field(description="what users type; by default the name of the file")
    title: str = Field("", description="a line for lists")
    skeleton: str = Field(description="network skeleton, see `nas list skeletons`")
    share: Literal["all", "stage", "cell"] = Field(
        "all",
        description="which cells have the same blocks: `all`, those of one `stage`, or none (`cell`)",
    )
    cells: dict[CellName, CellSchema2] = Field({}, description="the cells; a skeleton without blocks has none")
    network: dict[str, Any] = Field({}, description="settings of the skeleton; each is a value or `{choice: [...]}`")
    limits: DocumentLimits = Field(DocumentLimits(), description="the budget that belongs to the space")
    preset: str | None = Field(None, description="preset that applies when none is asked for")
    presets: dict[Name, dict[str, Any]] = Field({}, description="named sets of changes: dotted path and value")


def read_open_schema(document: Document) -> OpenSchema:
    """Check keys and types of a document of format 2.

    Raises:
        DocumentError: The first fault, with its path, its line and the nearest valid name.
    """
    try:
        return OpenSchema.model_validate(document.data)
    except ValidationError as error:
        raise schema_error(document, error, OpenSchema) from None
