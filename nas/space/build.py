"""From a checked schema to cells; what needs more than one field of the document is checked here.

That is: the wiring, the names of blocks, and the arithmetic of channels.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nas.errors import did_you_mean
from nas.space.blocks import BLOCKS, SKELETONS
from nas.space.document import Document, Location
from nas.space.schema import CellSchema, NetworkSettings, SpaceSchema

if TYPE_CHECKING:
    from nas.space.open_schema import GraphSchema


@dataclass(frozen=True)
class Relaxation:
    """How a supernet mixes candidates.

    Attributes:
        partial_channels: k; the first 1/k of the channels passes through the candidates, 1: all of them.
        edge_weights: The edges that enter a node are weighted by a softmax of their own.
    """

    partial_channels: int = 1
    edge_weights: bool = False


@dataclass(frozen=True)
class Edge:
    """An edge of a cell.

    Attributes:
        source: The node it leaves.
        target: The node it enters.
        candidates: Names of blocks in the order of the document, zero blocks included (a supernet mixes them).
        listed_at: Its key under ``edges`` of the document, where it has a list of its own; else "".
        role: Role of its candidates where a cell has several; else "".
    """

    source: int
    target: int
    candidates: tuple[str, ...]
    listed_at: str = field(default="", compare=False, repr=False)
    role: str = ""


@dataclass(frozen=True)
class Cell:
    """A cell of a search space; node 0 is its input.

    Attributes:
        name: What the document calls it.
        role: "operation", "attention", or "chain" for slots in a row, whose edges have roles.
        nodes: Number of nodes that are computed.
        edges: Ordered by target, then source.
        merge: How a node joins the edges that enter it, "sum" or "mean".
        relaxation: How a supernet mixes the candidates.
        keep: How many of the edges that enter a node a derived network keeps; None: all.
    """

    name: str
    role: str
    nodes: int
    edges: tuple[Edge, ...]
    merge: str
    relaxation: Relaxation
    keep: int | None = None

    def role_of(self, edge: Edge) -> str:
        """Role of the candidates of an edge."""
        return edge.role or self.role


def build_cells(schema: SpaceSchema, document: Document) -> dict[str, Cell]:
    """The cells of a document, in its order.

    Raises:
        DocumentError: Something in the document does not fit together.
    """
    if schema.skeleton not in SKELETONS:
        hint = did_you_mean(schema.skeleton, SKELETONS.names())
        raise document.error(("skeleton",), f"unknown network skeleton {schema.skeleton!r}; {hint}")
    cells: dict[str, Cell] = {}
    for name, cell in schema.cells.items():
        twin = next((c.name for c in cells.values() if c.role == cell.role), None)
        if twin is not None:
            raise document.error(
                ("cells", name, "role"),
                f"cell {twin!r} has the role {cell.role} already; a space has one cell a role",
            )
        cells[name] = _build_cell(name, cell, document)
    check_channels(cells, schema.network, schema.skeleton, document)
    return cells


def _build_cell(name: str, cell: CellSchema, document: Document) -> Cell:
    here: Location = ("cells", name)
    check_candidates(cell.candidates, cell.role, (*here, "candidates"), document)
    overrides: dict[tuple[int, int], Edge] = {}
    wiring = wiring_of(cell, here, document)
    for key, candidates in cell.edges.items():
        source, target = (int(n) for n in key.split("->"))
        at = (*here, "edges", key)
        if (source, target) not in wiring:
            known = [f"{s}->{t}" for s, t in wiring]
            raise document.error(at, f"the cell has no edge {key!r}; {did_you_mean(key, known)}")
        if (source, target) in overrides:
            raise document.error(at, f"the edge {source}->{target} is given twice; remove one of the two")
        check_candidates(candidates, cell.role, at, document)
        overrides[source, target] = Edge(source, target, tuple(candidates), key)
    common = tuple(cell.candidates)
    edges = tuple(overrides.get((s, t), Edge(s, t, common)) for s, t in wiring)
    relaxation = Relaxation(cell.relaxation.partial_channels, cell.relaxation.edge_weights)
    return Cell(name, cell.role, cell.nodes, edges, cell.merge, relaxation)


def wiring_of(cell: CellSchema | GraphSchema, here: Location, document: Document) -> list[tuple[int, int]]:
    """(source, target) of every edge, ordered by target, then source."""
    if cell.inputs == "all":
        return [(s, t) for t in range(1, cell.nodes + 1) for s in range(t)]
    at = (*here, "inputs")
    if len(cell.inputs) != cell.nodes:
        raise document.error(
            at,
            f"{len(cell.inputs)} lists for {cell.nodes} nodes; give one list of earlier nodes for each node",
        )
    wiring: list[tuple[int, int]] = []
    for target, sources in enumerate(cell.inputs, start=1):
        if not sources:
            raise document.error((*at, target - 1), f"node {target} has no input; name at least one earlier node")
        for i, source in enumerate(sources):
            place = (*at, target - 1, i)
            if not 0 <= source < target:
                raise document.error(
                    place,
                    f"node {target} cannot take its input from node {source}; give a node of 0..{target - 1}",
                )
            if source in sources[:i]:
                raise document.error(place, f"node {source} feeds node {target} twice; remove one of the two")
        wiring += [(source, target) for source in sorted(sources)]
    if cell.role == "attention":  # only the last node leaves an attention cell
        used = {source for source, _ in wiring}
        for node in range(1, cell.nodes):
            if node not in used:
                raise document.error(
                    at,
                    f"node {node} feeds no later node, so its blocks are never used; wire it or lower nodes",
                )
    return wiring


def check_candidate(name: str, role: str, at: Location, document: Document) -> None:
    """Raise a DocumentError for a block that is not registered for a role."""
    registry = BLOCKS[role]
    if name in registry:
        return
    others = [r for r, other in BLOCKS.items() if r != role and name in other]
    if others:
        hint = f"{name!r} is an {others[0]} block and this is an {role} cell; choose an {role} block"
    else:
        hint = f"unknown {registry.kind} {name!r}; {did_you_mean(name, registry.names())}"
    raise document.error(at, hint)


def check_candidates(names: list[str], role: str, at: Location, document: Document) -> None:
    """Raise a DocumentError for blocks that are unknown or listed twice, or of which none can be selected."""
    registry = BLOCKS[role]
    for i, name in enumerate(names):
        check_candidate(name, role, (*at, i), document)
        if name in names[:i]:
            raise document.error((*at, i), f"the candidate {name!r} is listed twice; remove one of the two")
    if all(registry.traits(name).zero for name in names):
        raise document.error(
            at,
            "no candidate can be selected; list at least one block other than "
            + " and ".join(repr(n) for n in registry.names() if registry.traits(n).zero),
        )


def cell_width(cells: dict[str, Cell], network: NetworkSettings) -> int | None:
    """The cell width W in channels; None where the document does not say.

    With an operation cell, all of whose nodes are concatenated, it is C * (nodes + 1), else ``network.features``.
    """
    for cell in cells.values():
        if cell.role == "operation":
            return network.width * (cell.nodes + 1)
    return network.features


def check_channels(
    cells: dict[str, Cell], network: NetworkSettings, skeleton: str, document: Document, supernet: bool = True
) -> None:
    """Refuse widths that no network can be built with.

    Args:
        cells: The cells of a space.
        network: Its network settings.
        skeleton: Name of its skeleton.
        document: Where the fault would lie.
        supernet: A supernet must be possible too.

    Raises:
        DocumentError: A width does not work; the message says what would.
    """
    width = cell_width(cells, network)
    operation = next((c for c in cells.values() if c.role == "operation"), None)
    if width is None:
        raise document.error(
            ("network", "features"),
            "a space without an operation cell must say its width W; give e.g. features: 64",
        )
    if operation is not None and network.features not in (None, width):
        raise document.error(
            ("network", "features"),
            f"W is width * (nodes + 1) = {network.width} * {operation.nodes + 1} = {width} here, not "
            f"{network.features}; remove the key or change width",
        )
    key = "features" if operation is None else "width"
    least = SKELETONS.traits(skeleton).min_features
    if width < least:
        grown = "" if operation is None else f", that is width of at least {-(-least // (operation.nodes + 1))}"
        raise document.error(
            ("network", key),
            f"the cell width W is {width}; the {skeleton} skeleton needs W >= {least}{grown}",
        )
    for cell in cells.values():
        channels = network.width if cell.role == "operation" else width
        k = cell.relaxation.partial_channels if supernet else 1
        if channels % k:
            raise document.error(
                ("cells", cell.name, "relaxation", "partial_channels"),
                f"{channels} channels cannot be divided by {k}; choose a divisor or another width",
            )
        _check_multiples(cell, channels, channels // k, document)


def _check_multiples(cell: Cell, channels: int, mixed: int, document: Document) -> None:
    """``mixed``: the channels that pass through the candidates of the supernet."""
    for edge in cell.edges:
        for i, name in enumerate(edge.candidates):
            multiple = BLOCKS[cell.role].traits(name).channel_multiple
            wrong = next((n for n in (channels, mixed) if n % multiple), None)
            if wrong is None:
                continue
            own = edge.listed_at
            at: Location = ("cells", cell.name, *(("edges", own) if own else ("candidates",)), i)
            raise document.error(
                at,
                f"{name!r} needs channels in multiples of {multiple} and would get {wrong}; change the width "
                "or drop the block",
            )
