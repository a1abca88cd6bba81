"""A space of format 2: settings of the network, blocks of every position and kept edges may all be open."""

from __future__ import annotations

import importlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Any

from nas.errors import UsageError, did_you_mean
from nas.space.blocks import SKELETONS
from nas.space.build import Cell
from nas.space.choices import KEY, OpenSetting, filled, open_settings, put, value_at
from nas.space.document import Document
from nas.space.draw import drawer
from nas.space.genotype import FORMAT as FORMAT_1
from nas.space.genotype import FORMAT_2, Choice, Genotype, content_hash
from nas.space.moves import moves
from nas.space.open_build import (
    COMBINATIONS,
    build_open_cells,
    check_point,
    given_channels,
    points,
    read_point,
    settings_model,
)
from nas.space.open_cells import canonical_cell, count_cell, kept_sets, live_edges, selectable
from nas.space.open_schema import OpenSchema, read_open_schema
from nas.space.schema import NetworkSettings
from nas.space.space import Decision, Space

if TYPE_CHECKING:
    from nas.space.draw import Rng

Vector = tuple[int, ...]


class OpenSpace(Space):
    """A space of format 2; its decisions are those about settings first, then those of each position.

    Attributes:
        share: Which cells have the same blocks.
        kinds: Name of a cell in the document -> the cell, whatever the position.
    """

    def __init__(self, schema: OpenSchema, document: Document) -> None:
        """Build a checked document; DocumentError where its parts do not fit together."""
        self.name, self.title, self.skeleton, self.share = schema.name, schema.title, schema.skeleton, schema.share
        self._model = settings_model(schema.skeleton, document)
        self.kinds = build_open_cells(schema, document)
        self._settings = open_settings(schema.network, document, ("network",))
        self._template = schema.network
        self._known: dict[Vector, Any] = {}
        self._others: dict[str, OpenSpace] = {}
        self._budget = {k: v for k, v in schema.limits.model_dump().items() if v is not None}
        self._check(document)
        self.network_settings = self.settings_at((0,) * len(self._settings))
        last = self.settings_at(tuple(len(s.choices) - 1 for s in self._settings))
        self._most = last.positions[self.share]
        named = [(self.cell_name(kind, i), cell) for i in range(self._most) for kind, cell in self.kinds.items()]
        self.cells = {name: replace(cell, name=name) for name, cell in named}
        self.document = self._effective(schema)
        self.hash = content_hash({k: v for k, v in self.document.items() if k != "title"})
        self.decisions = (*self._setting_decisions(), *self._cell_decisions())

    # -- building -------------------------------------------------------------------------------------------

    def _check(self, document: Document) -> None:
        first = [s.choices[0] for s in self._settings]
        for i, setting in enumerate(self._settings):  # a faulty choice is reported by itself
            for k, value in enumerate(setting.choices):
                try:
                    read_point(
                        self._model, self._template, self._settings, [*first[:i], value, *first[i + 1 :]], document
                    )
                except UsageError:
                    if k == 0:
                        raise
                    self._blame(document, setting, k, [*first[:i], value, *first[i + 1 :]])
        seen: set[Any] = set()
        for values in points(self._settings):
            settings = read_point(self._model, self._template, self._settings, values, document)
            if self.share not in settings.positions:
                hint = did_you_mean(self.share, list(settings.positions))
                raise document.error(
                    ("share",), f"the skeleton {self.skeleton!r} cannot share by {self.share!r}; {hint}"
                )
            key = given_channels(settings, self.kinds)
            if key not in seen:
                seen.add(key)
                fixed = not self._settings and self.share == "all"
                check_point(settings, self.kinds, self.skeleton, document, supernet=fixed)

    def _blame(self, document: Document, setting: OpenSetting, index: int, values: Sequence[Any]) -> None:
        """Report a fault at the choice that made it."""
        inner = Document(document.data, document.source)
        try:
            read_point(self._model, self._template, self._settings, values, inner)
        except UsageError as error:
            message = str(error).split(": ", 2)[-1]
            raise document.error(("network", *setting.at, KEY, index), message) from None

    def _effective(self, schema: OpenSchema) -> dict[str, Any]:
        plain = schema.model_dump(exclude={"preset", "presets", "limits"}, exclude_none=True)
        full = self.network_settings.model_dump(exclude_none=True, mode="json")
        for setting in self._settings:  # the defaults written out, the choices put back
            full = put(full, setting.at, {KEY: list(setting.choices)})
        plain["network"] = full
        return {**plain, **({"limits": self._budget} if self._budget else {})}

    def _setting_decisions(self) -> Iterator[Decision]:
        for setting in self._settings:
            yield Decision(f"network.{setting.name}", "", 0, 0, setting.choices, setting.kind)

    def _cell_decisions(self) -> Iterator[Decision]:
        for position in range(self._most):
            for kind, cell in self.kinds.items():
                name = self.cell_name(kind, position)
                for edge, choices in zip(cell.edges, selectable(cell), strict=True):
                    at = f"{name}.{edge.source}->{edge.target}"
                    yield Decision(at, name, edge.source, edge.target, choices, "block", cell.role_of(edge))
                for node, sets in kept_sets(cell).items():
                    texts = tuple("+".join(map(str, s)) for s in sets)
                    yield Decision(f"{name}.keep.{node}", name, 0, node, texts, "edges")

    # -- what it says ---------------------------------------------------------------------------------------

    @property
    def limits(self) -> dict[str, float]:
        """The budget of the document by cost."""
        return dict(self._budget)

    def positions(self) -> list[dict[str, Cell]]:
        """For each position the cells by their name in the document; of open depths for the deepest network."""
        return [dict(self.kinds) for _ in range(self._most)]

    def cell_name(self, kind: str, position: int) -> str:
        """The name that a cell of the document has at a position, from 0, in genotypes."""
        return kind if self.share == "all" else f"{kind}.{position + 1}"

    def settings_at(self, indices: Sequence[int]) -> Any:
        """The settings of the skeleton, in canonical form, for choices of the open ones."""
        key = tuple(indices)
        if key not in self._known:
            values = [s.choices[i] for s, i in zip(self._settings, key, strict=True)]
            settings = self._model.model_validate(filled(self._template, values))
            canonical = getattr(settings, "canonical", None)
            self._known[key] = canonical() if canonical is not None else settings
        return self._known[key]

    @cached_property
    def _size(self) -> tuple[int, bool]:
        counted = [count_cell(cell) for cell in self.kinds.values()]
        cells, exact = math.prod(n for n, _ in counted), all(e for _, e in counted)
        combinations = math.prod(len(s.choices) for s in self._settings)
        if combinations > COMBINATIONS:
            return combinations * cells**self._most, False
        different = {
            json.dumps(s.model_dump(mode="json"), sort_keys=True): s.positions[self.share]
            for i in product(*(range(len(s.choices)) for s in self._settings))
            for s in [self.settings_at(i)]
        }
        return sum(cells**n for n in different.values()), exact

    def size(self) -> int:
        """How many genotypes there are; see ``size_is_exact``."""
        return self._size[0]

    @property
    def size_is_exact(self) -> bool:
        """Whether ``size`` is exact, rather than an upper bound: some genotypes may then be counted several times."""
        return self._size[1]

    # -- vectors --------------------------------------------------------------------------------------------

    def canonical(self, vector: Iterable[int]) -> Vector:
        """The vector that stands for all which give the same network: what has no effect is at its first choice."""
        indices = list(vector)
        n = len(self._settings)
        head = self._canonical_settings(tuple(indices[:n]))
        used, made, at = self.settings_at(head).positions[self.share], [*head], n
        for position in range(self._most):
            for cell in self.kinds.values():
                edges, nodes = len(cell.edges), len(kept_sets(cell))
                blocks, kept = indices[at : at + edges], indices[at + edges : at + edges + nodes]
                at += edges + nodes
                if position < used:
                    first, second = canonical_cell(cell, blocks, kept)
                    made += [*first, *second]
                else:
                    made += [0] * (edges + nodes)
        return tuple(made)

    def _canonical_settings(self, head: Vector) -> Vector:
        """Of each setting the first choice that gives the same network."""
        wanted = self.settings_at(head)
        for i in range(len(head)):
            for k in range(head[i]):
                other = (*head[:i], k, *head[i + 1 :])
                if self.settings_at(other) == wanted:
                    head = other
                    break
        return head

    def decode(self, vector: Iterable[int]) -> Genotype:
        """The genotype of a vector: for each decision the index of its choice.

        Raises:
            UsageError: The length is another, or an index is out of range.
        """
        indices = self.canonical(self._checked(vector))
        n = len(self._settings)
        settings = self.settings_at(indices[:n])
        left = iter(indices[n:])
        cells: dict[str, tuple[Choice, ...]] = {}
        for position in range(settings.positions[self.share]):
            for kind, cell in self.kinds.items():
                names = [found[next(left)] for found in selectable(cell)]
                kept = [next(left) for _ in kept_sets(cell)]
                live = live_edges(cell, kept)
                cells[self.cell_name(kind, position)] = tuple(
                    Choice(e.source, e.target, name)
                    for e, name, alive in zip(cell.edges, names, live, strict=True)
                    if alive
                )
        network = settings.model_dump(exclude_none=True, mode="json")
        return Genotype(cells, network, self.name, self.hash, self.skeleton, format=self._format)

    @property
    def _format(self) -> str:
        return FORMAT_1 if issubclass(self._model, NetworkSettings) else FORMAT_2

    def encode(self, genotype: Genotype) -> Vector:
        """The canonical vector of a genotype, which is validated.

        Raises:
            UsageError: It is none of this space.
        """
        settings = self.validate(genotype)
        plain = settings.model_dump(mode="json")
        head = []
        for setting in self._settings:
            value = value_at(plain, setting.at)
            if value not in setting.choices:
                raise UsageError(
                    f"network.{setting.name} of the genotype is {value!r}; space {self.name!r} has "
                    + ", ".join(map(str, setting.choices))
                )
            head.append(setting.choices.index(value))
        return self.canonical([*head, *self._cell_indices(genotype)])

    def _cell_indices(self, genotype: Genotype) -> Iterator[int]:
        for position in range(self._most):
            for kind, cell in self.kinds.items():
                choices = genotype.cells.get(self.cell_name(kind, position), ())
                blocks = {(c.source, c.target): c.block for c in choices}
                for edge, names in zip(cell.edges, selectable(cell), strict=True):
                    name = blocks.get((edge.source, edge.target))
                    yield names.index(name) if name is not None else 0
                for node, sets in kept_sets(cell).items():
                    sources = tuple(c.source for c in choices if c.target == node)
                    yield sets.index(sources) if sources else 0

    def validate(self, genotype: Genotype) -> Any:
        """Check that a genotype is a network of this space; settings may have other values than the choices.

        Returns:
            Its settings, typed.

        Raises:
            UsageError: It is none; the message says where it differs.
        """
        if not isinstance(genotype, Genotype):
            raise UsageError(f"a Genotype is expected, got {type(genotype).__name__}; see Genotype.load")
        if genotype.skeleton != self.skeleton:
            raise UsageError(
                f"the genotype is of skeleton {genotype.skeleton!r}, space {self.name!r} of {self.skeleton!r}"
            )
        settings = self.settings_of(genotype.network)
        count = settings.positions.get(self.share, 0)
        names = {self.cell_name(kind, i): cell for i in range(count) for kind, cell in self.kinds.items()}
        for name in genotype.cells:
            if name not in names:
                raise UsageError(f"space {self.name!r} has no cell {name!r} here; {did_you_mean(name, names)}")
        for name, cell in names.items():
            if name not in genotype.cells:
                raise UsageError(f"the genotype has no cell {name!r}, which space {self.name!r} asks for; add it")
            self._check_cell(name, cell, genotype.cells[name])
        return settings

    def _check_cell(self, name: str, cell: Cell, choices: Sequence[Choice]) -> None:
        sets = kept_sets(cell)
        given = {(c.source, c.target) for c in choices}
        kept = []
        for node, options in sets.items():
            sources = tuple(sorted(s for s, t in given if t == node))
            if sources and sources not in options:
                raise UsageError(f"node {node} of cell {name!r} keeps {len(sources)} edges, not {cell.keep}")
            kept.append(options.index(sources) if sources else 0)
        wanted = {(e.source, e.target) for e, alive in zip(cell.edges, live_edges(cell, kept), strict=True) if alive}
        if given != wanted:
            word, edges = ("lacks", wanted - given) if wanted - given else ("has too many", given - wanted)
            listed = ", ".join(f"{s}->{t}" for s, t in sorted(edges))
            raise UsageError(f"cell {name!r} of the genotype {word} edges ({listed}) for space {self.name!r}")
        blocks = {(c.source, c.target): c.block for c in choices}
        for edge, names in zip(cell.edges, selectable(cell), strict=True):
            block = blocks.get((edge.source, edge.target))
            if block is not None and block not in names:
                raise UsageError(
                    f"{name}.{edge.source}->{edge.target}: {block!r} is not selectable here in space {self.name!r}; "
                    + did_you_mean(block, names)
                )

    def settings_of(self, network: Mapping[str, Any]) -> Any:
        """Settings with their types; those that are not given as the space fixes them.

        Raises:
            DocumentError: They are impossible.
        """
        first = [s.choices[0] for s in self._settings]
        whole = {**filled(self._template, first), **network}
        return read_point(self._model, whole, [], [], Document({"network": whole}, "genotype"))

    # -- what strategies do with points ---------------------------------------------------------------------

    def neighbours(self, genotype: Genotype) -> list[Genotype]:
        """All different genotypes one move away: a block exchanged, a parameter or an ordered setting moved a step."""
        start = self.encode(genotype)
        found = {start: None}
        for i, decision in enumerate(self.decisions):
            for index in moves(decision, start[i]):
                found.setdefault(self.canonical([*start[:i], index, *start[i + 1 :]]))
        del found[start]
        return [self._like(genotype, vector) for vector in found]

    def mutate(self, genotype: Genotype, rng: Rng) -> Genotype:
        """A genotype one move away: of a decision that matters, drawn uniformly, one of its moves.

        The only genotype of a space comes back unchanged.
        """
        start, below = self.encode(genotype), drawer(rng)
        left = [i for i, d in enumerate(self.decisions) if len(d.choices) > 1]
        while left:
            i = left.pop(below(len(left)))
            made = [self.canonical([*start[:i], k, *start[i + 1 :]]) for k in moves(self.decisions[i], start[i])]
            made = [vector for vector in made if vector != start]
            if made:
                return self._like(genotype, made[below(len(made))])
        return self._like(genotype, start)

    def _like(self, genotype: Genotype, vector: Sequence[int]) -> Genotype:
        return self.decode(vector)

    # -- networks -------------------------------------------------------------------------------------------

    def with_network(self, settings: Mapping[str, Any]) -> OpenSpace:
        """The space of the networks that have all these settings: nothing but blocks and kept edges is open."""
        whole = self.settings_of(settings).model_dump(exclude_none=True, mode="json")
        if not self._settings and whole == self.network_settings.model_dump(exclude_none=True, mode="json"):
            return self
        key = json.dumps(whole, sort_keys=True)
        if key not in self._others:
            data = {**self.document, "network": whole}
            document = Document(json.loads(json.dumps(data)), "genotype")
            self._others[key] = OpenSpace(read_open_schema(document), document)
        return self._others[key]

    def supernet(
        self, task: Any, *, fused: bool = True, native: bool = False, paths: bool = False, **options: Any
    ) -> Any:
        """The supernet of this space; imports torch (see ``Space.supernet``).

        Where blocks alone are open it is that of the skeleton. Else sizes share weights: see ``nas.supernet.elastic``.

        Raises:
            UsageError: Something that is open cannot be relaxed, or share weights; the message names it.
        """
        if not self.decisions:
            raise UsageError(
                f"nothing is open in space {self.name!r}, so there is nothing to search; leave a choice open"
            )
        if self.additive and hasattr(SKELETONS.get(self.skeleton), "supernet"):
            return super().supernet(task, fused=fused, native=native, **options)
        made = _elastic()(self, task, paths=paths, **options)
        made.fused, made.native = fused, native
        return made

    def mend(self, decision: Decision) -> str:
        """What a user can type so that a decision is none any more."""
        kind = decision.cell.partition(".")[0]
        where = f"cells.{kind}.keep" if decision.kind == "edges" else decision.name
        value = "all" if decision.kind == "edges" else _typed(decision.choices[len(decision.choices) // 2])
        setting = next((s for s in self._settings if f"network.{s.name}" == decision.name), None)
        if setting is not None and any(isinstance(part, int) for part in setting.at):
            top = setting.at[0]
            where = f"network.{top}"
            value = json.dumps(
                self.settings_at([len(s.choices) // 2 for s in self._settings]).model_dump(mode="json")[top]
            )
        return f"fix it with --set 'overrides.{where}={value}'"

    def network(self, genotype: Genotype, task: Any, **options: Any) -> Any:
        """The derived network of a genotype; imports torch.

        Raises:
            UsageError: The genotype is no network of this space.
        """
        self.validate(genotype)
        return SKELETONS.network(self.with_network(genotype.network), genotype, task, options)


def _elastic() -> Any:
    """The maker of supernets in which sizes share weights, a package that builds on this one and on torch."""
    return importlib.import_module("nas.supernet.elastic.making").make_supernet


def _typed(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
