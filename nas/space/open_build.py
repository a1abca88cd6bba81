"""From a checked document of format 2 to cells and settings; what needs more than one field is checked here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from pydantic import ValidationError

from nas.errors import UsageError, did_you_mean
from nas.space.blocks import BLOCKS, CHAIN, SKELETONS
from nas.space.build import Cell, Edge, Relaxation, check_candidate, check_candidates, check_channels, wiring_of
from nas.space.choices import KEY, OpenSetting, Value, check_choices, filled, is_choice
from nas.space.document import Document, Location
from nas.space.open_schema import ChainSchema, GraphSchema, OpenSchema
from nas.space.schema import NetworkSettings, schema_error
from nas.space.variants import base_name, split_variant, variant_name

#: combinations of open settings up to this number are checked one by one
COMBINATIONS = 20_000


def settings_model(name: str, document: Document) -> type[Any]:
    """The model of the settings of a skeleton.

    Raises:
        DocumentError: There is no such skeleton, or it declares no settings.
    """
    if name not in SKELETONS:
        hint = did_you_mean(name, SKELETONS.names())
        raise document.error(("skeleton",), f"unknown network skeleton {name!r}; {hint}")
    model = SKELETONS.settings(name)
    if model is None:
        raise document.error(
            ("skeleton",), f"the skeleton {name!r} declares no settings; give it a class attribute Settings"
        )
    return model


# -- cells ----------------------------------------------------------------------------------------------------


def build_open_cells(schema: OpenSchema, document: Document) -> dict[str, Cell]:
    """The cells of a document, in its order.

    Raises:
        DocumentError: Something in the document does not fit together.
    """
    return {
        name: _chain(name, cell, document) if isinstance(cell, ChainSchema) else _graph(name, cell, document)
        for name, cell in schema.cells.items()
    }


def _graph(name: str, cell: GraphSchema, document: Document) -> Cell:
    here: Location = ("cells", name)
    common = expand(cell.candidates, cell.role, (*here, "candidates"), document)
    wiring = wiring_of(cell, here, document)
    own: dict[tuple[int, int], Edge] = {}
    for key, candidates in cell.edges.items():
        source, target = (int(n) for n in key.split("->"))
        at = (*here, "edges", key)
        if (source, target) not in wiring:
            raise document.error(
                at, f"the cell has no edge {key!r}; {did_you_mean(key, [f'{s}->{t}' for s, t in wiring])}"
            )
        own[source, target] = Edge(source, target, expand(candidates, cell.role, at, document), key)
    edges = tuple(own.get((s, t), Edge(s, t, common)) for s, t in wiring)
    relaxation = Relaxation(cell.relaxation.partial_channels, cell.relaxation.edge_weights)
    keep = cell.keep if isinstance(cell.keep, int) else None
    return Cell(name, cell.role, cell.nodes, edges, cell.merge, relaxation, keep)


def _chain(name: str, cell: ChainSchema, document: Document) -> Cell:
    edges = tuple(
        Edge(
            i,
            i + 1,
            expand(slot.candidates, slot.role, ("cells", name, "slots", i, "candidates"), document),
            role=slot.role,
        )
        for i, slot in enumerate(cell.slots)
    )
    relaxation = Relaxation(cell.relaxation.partial_channels, cell.relaxation.edge_weights)
    return Cell(name, CHAIN, len(edges), edges, "sum", relaxation)


def expand(candidates: Sequence[Any], role: str, at: Location, document: Document) -> tuple[str, ...]:
    """The names of all candidates; one with open parameters stands for a variant of the block for each value.

    Raises:
        DocumentError: A block or a parameter is unknown, a value is impossible, or a candidate is listed twice.
    """
    found: list[str] = []
    for i, candidate in enumerate(candidates):
        here = (*at, i)
        names = (
            [_plain(candidate, role)]
            if isinstance(candidate, str)
            else list(_variants(candidate, role, here, document))
        )
        for name in names:
            if name in found:
                raise document.error(here, f"the candidate {name!r} is listed twice; remove one of the two")
        found += names
        if isinstance(candidate, str):
            check_candidate(candidate, role, here, document)
    check_candidates(found, role, at, document)
    return tuple(found)


def _plain(name: str, role: str) -> str:
    """A name as it is, but for parameters at their defaults, which are left out."""
    if base_name(name) == name or name not in BLOCKS[role]:
        return name
    traits = BLOCKS[role].traits(name)
    return variant_name(base_name(name), traits, split_variant(name, traits)[1])


def _variants(entry: Mapping[str, Any], role: str, at: Location, document: Document) -> Iterator[str]:
    block = entry.get("block")
    if not isinstance(block, str):
        raise document.error(
            at, "a candidate is the name of a block, or {block: NAME, PARAMETER: VALUE}; name the block"
        )
    registry = BLOCKS[role]
    if block not in registry:
        raise document.error(
            (*at, "block"), f"unknown {registry.kind} {block!r}; {did_you_mean(block, registry.names())}"
        )
    traits = registry.traits(block)
    names = [key for key in entry if key != "block"]
    values = [
        check_choices(entry[k][KEY], document, (*at, k, KEY)) if is_choice(entry[k]) else (entry[k],) for k in names
    ]
    for name, found in zip(names, values, strict=True):
        for value in found:
            try:
                traits.options(block, {name: value})
            except UsageError as error:
                raise document.error((*at, name), str(error)) from None
    for combination in product(*values):
        yield variant_name(block, traits, dict(zip(names, combination, strict=True)))


# -- settings -------------------------------------------------------------------------------------------------


def read_point(
    model: type[Any], tree: Any, opened: Sequence[OpenSetting], values: Sequence[Value], document: Document
) -> Any:
    """The settings of a network with a value for each open one.

    Raises:
        DocumentError: They are impossible; the fault is reported where it stands in the document.
    """
    try:
        settings = model.model_validate(filled(tree, values))
    except ValidationError as error:
        raise schema_error(document, error, model, ("network",)) from None
    problems = getattr(settings, "problems", None)
    for location, problem in problems() if problems is not None else ():
        shown = ", ".join(f"{s.name} {v}" for s, v in zip(opened, values, strict=True))
        raise document.error(("network", *location), problem + (f" (with {shown})" if shown else ""))
    return settings


def points(opened: Sequence[OpenSetting]) -> Iterator[tuple[Value, ...]]:
    """All combinations of open settings; of more than ``COMBINATIONS`` those that differ from the first in one."""
    total = 1
    for setting in opened:
        total *= len(setting.choices)
    if total <= COMBINATIONS:
        yield from product(*(s.choices for s in opened))
        return
    first = [s.choices[0] for s in opened]
    yield tuple(first)
    yield tuple(s.choices[-1] for s in opened)
    for i, setting in enumerate(opened):
        for value in setting.choices[1:]:
            yield (*first[:i], value, *first[i + 1 :])


def given_channels(settings: Any, cells: Mapping[str, Cell]) -> tuple[Any, ...]:
    """What the checks of channels depend on; settings that agree in it need one check."""
    if isinstance(settings, NetworkSettings):
        return (settings.width, settings.features)
    return tuple(settings.channels(role) for role in {c.role_of(e): None for c in cells.values() for e in c.edges})


def check_point(settings: Any, cells: Mapping[str, Cell], skeleton: str, document: Document, supernet: bool) -> None:
    """Refuse channels that a block or the skeleton cannot take.

    Raises:
        DocumentError: A width does not work; the message says what would.
    """
    if isinstance(settings, NetworkSettings):
        check_channels(dict(cells), settings, skeleton, document, supernet)
        return
    for cell in cells.values():
        for edge in cell.edges:
            role = cell.role_of(edge)
            channels = settings.channels(role)
            for name in edge.candidates if channels is not None else ():
                multiple = BLOCKS[role].traits(name).channel_multiple
                if channels % multiple:
                    raise document.error(
                        ("cells", cell.name),
                        f"{name!r} needs channels in multiples of {multiple} and would get {channels}; change the "
                        "width or drop the block",
                    )
