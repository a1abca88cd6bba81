"""A search space: what can be decided, and the operations that every strategy needs."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from nas.errors import UsageError, did_you_mean
from nas.space.blocks import BLOCKS, SKELETONS
from nas.space.build import Cell, build_cells, cell_width, check_channels
from nas.space.document import Document
from nas.space.draw import drawer
from nas.space.genotype import Choice, Genotype, content_hash
from nas.space.schema import FORMAT, NetworkSettings, SpaceSchema
from nas.space.svg import table_html

if TYPE_CHECKING:
    from nas.space.draw import Rng


@dataclass(frozen=True)
class Decision:
    """One open question: which block sits on an edge, what a setting is, or which edges a node keeps.

    Attributes:
        name: E.g. "operation.0->1", "network.width", "operation.keep.3".
        cell: Name of the cell; "" for a setting.
        source: The node that the edge leaves.
        target: The node that it enters.
        choices: Names of the selectable blocks (zero blocks are none); values of a setting; kept nodes such as "0+2".
        kind: ``block``; ``ordered`` for numbers, which a search moves by a step; ``flag``; ``option`` for words;
            ``edges`` for the edges that a node keeps.
        role: Of the blocks.
    """

    name: str
    cell: str
    source: int
    target: int
    choices: tuple[Any, ...]
    kind: Literal["block", "ordered", "flag", "option", "edges"] = "block"
    role: str = ""


class Space:
    """A search space, made by ``load_space`` or ``space_from_document``; it is never changed.

    Attributes:
        name: Of the document.
        title: Of the document.
        skeleton: Name of the network skeleton.
        network_settings: How wide and how deep networks are.
        cells: Name of a cell -> the cell.
        document: The effective document (presets and overrides resolved), which rebuilds this very space.
        hash: Names its content, 16 hex digits.
        decisions: What is open, in order, one an edge.
    """

    #: which cells of a network have the same blocks: "all", those of a "stage", or none ("cell")
    share: str = "all"

    def __init__(self, schema: SpaceSchema, document: Document) -> None:
        """Build the cells of a checked document; DocumentError where they do not fit together."""
        self.name = schema.name
        self.title = schema.title
        self.skeleton = schema.skeleton
        self.network_settings: NetworkSettings = schema.network
        self.cells: dict[str, Cell] = build_cells(schema, document)
        self.document: dict[str, Any] = _effective(schema)
        self.hash = content_hash({k: v for k, v in self.document.items() if k != "title"})
        self.decisions: tuple[Decision, ...] = tuple(_decisions(self.cells))

    @property
    def features(self) -> int:
        """W, the channels of the features between cells."""
        width = cell_width(self.positions()[0], self.network_settings)
        assert width is not None  # build_cells refuses such a space
        return width

    def __eq__(self, other: object) -> bool:
        return self.hash == other.hash if isinstance(other, Space) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.hash)

    def __repr__(self) -> str:
        counts = f"{len(self.decisions)} decisions, {self.size()} genotypes"
        return f"Space({self.name!r}, {counts}, hash {self.hash})"

    def _repr_html_(self) -> str:
        """What a notebook shows: the decisions in a table."""
        body = ((d.name, d.kind, ", ".join(map(str, d.choices))) for d in self.decisions)
        return table_html(self.headline, ("decision", "kind", "choices"), body)

    @property
    def size_in_words(self) -> str:
        """How many genotypes there are, as people say it."""
        return f"{'' if self.size_is_exact else 'at most '}{self.size():,} genotypes"

    @property
    def headline(self) -> str:
        """Name, decisions and size in one line."""
        return f"space {self.name}: {len(self.decisions)} decisions, {self.size_in_words}"

    @property
    def limits(self) -> dict[str, float]:
        """The budget of the space by cost ("params", "macs", "latency"); {} where it has none."""
        return {}

    @property
    def block_decisions(self) -> tuple[Decision, ...]:
        """Those of the decisions that are about blocks, in order: one an edge of each cell."""
        return tuple(d for d in self.decisions if d.kind == "block")

    @property
    def open_settings(self) -> tuple[Decision, ...]:
        """Those of the decisions that are about settings of the network."""
        return tuple(d for d in self.decisions if d.kind in ("ordered", "flag", "option"))

    @property
    def additive(self) -> bool:
        """Whether every decision is about a block, so that costs are sums over decisions."""
        return len(self.block_decisions) == len(self.decisions)

    def positions(self) -> list[dict[str, Cell]]:
        """The cells that decide for themselves: for each position in the network, cells by name in the document."""
        return [dict(self.cells)]

    def cell_name(self, kind: str, position: int) -> str:
        """The name that a cell of the document has at a position, from 0, in genotypes."""
        return kind

    def canonical(self, vector: Iterable[int]) -> tuple[int, ...]:
        """The vector that stands for all which give the same network."""
        return tuple(int(i) for i in vector)

    # -- genotypes as points --------------------------------------------------------------------------------

    def size(self) -> int:
        """How many genotypes there are, exactly."""
        return math.prod(len(d.choices) for d in self.decisions)

    @property
    def size_is_exact(self) -> bool:
        """Whether ``size`` is exact, rather than an upper bound."""
        return True

    def decode(self, vector: Iterable[int]) -> Genotype:
        """The genotype of a vector.

        Args:
            vector: For each decision the index of its choice.

        Raises:
            UsageError: The length is another, or an index is out of range.
        """
        indices = self._checked(vector)
        cells: dict[str, list[Choice]] = {name: [] for name in self.cells}
        for decision, index in zip(self.decisions, indices, strict=True):
            choice = Choice(decision.source, decision.target, decision.choices[index])
            cells[decision.cell].append(choice)
        settings = self.network_settings.model_dump(exclude_none=True)
        made = {name: tuple(choices) for name, choices in cells.items()}
        return Genotype(made, settings, self.name, self.hash, self.skeleton)

    def _checked(self, vector: Iterable[int]) -> list[int]:
        """The indices of a vector, one for each decision; UsageError if it has another length or range."""
        indices = list(vector)
        if len(indices) != len(self.decisions):
            raise UsageError(
                f"a vector of space {self.name!r} has {len(self.decisions)} entries, one for each decision; "
                f"got {len(indices)}"
            )
        for decision, index in zip(self.decisions, indices, strict=True):
            whole = hasattr(index, "__index__") and not isinstance(index, bool)
            if not whole or not 0 <= index < len(decision.choices):
                raise UsageError(
                    f"decision {decision.name!r} of space {self.name!r} takes "
                    f"0..{len(decision.choices) - 1}, got {index!r}"
                )
        return [int(i) for i in indices]

    def encode(self, genotype: Genotype) -> tuple[int, ...]:
        """The inverse of ``decode``; validates the genotype.

        Returns:
            For each decision the index of its choice.
        """
        self.validate(genotype)
        return self._indices(genotype)

    def _indices(self, genotype: Genotype) -> tuple[int, ...]:
        blocks = {(cell, c.source, c.target): c.block for cell, choices in genotype.cells.items() for c in choices}
        return tuple(d.choices.index(blocks[d.cell, d.source, d.target]) for d in self.decisions)

    def validate(self, genotype: Genotype) -> None:
        """Check that a genotype is a point of this space.

        Structure alone counts: a genotype found in another space of the same wiring passes if its blocks are
        candidates here. Its network settings may differ (another width or depth) if their channel arithmetic holds.

        Raises:
            UsageError: It is none; the message says where it differs.
        """
        if not isinstance(genotype, Genotype):
            raise UsageError(f"a Genotype is expected, got {type(genotype).__name__}; see Genotype.load and from_lists")
        if genotype.skeleton != self.skeleton:
            raise UsageError(
                f"the genotype is of skeleton {genotype.skeleton!r}, space {self.name!r} of {self.skeleton!r}"
            )
        for name in genotype.cells:
            if name not in self.cells:
                raise UsageError(f"space {self.name!r} has no cell {name!r}; {did_you_mean(name, self.cells)}")
        for name, cell in self.cells.items():
            if name not in genotype.cells:
                raise UsageError(
                    f"the genotype has no cell {name!r}, which space {self.name!r} asks for; add its edges"
                )
            given = {(c.source, c.target) for c in genotype.cells[name]}
            wanted = {(e.source, e.target) for e in cell.edges}
            if given != wanted:
                word, edges = ("lacks", wanted - given) if wanted - given else ("has too many", given - wanted)
                listed = ", ".join(f"{s}->{t}" for s, t in sorted(edges))
                raise UsageError(
                    f"cell {name!r} of the genotype {word} edges ({listed}) for space {self.name!r}, whose "
                    f"cell has {cell.nodes} nodes; use a space of the genotype's wiring"
                )
        blocks = {(cell, c.source, c.target): c.block for cell, choices in genotype.cells.items() for c in choices}
        for d in self.decisions:
            name = blocks[d.cell, d.source, d.target]
            if name not in d.choices:
                raise UsageError(
                    f"{d.name}: {name!r} is not selectable here in space {self.name!r}; "
                    + did_you_mean(name, d.choices)
                )
        if genotype.network:
            self.with_network(genotype.network)

    # -- what strategies do with points ---------------------------------------------------------------------

    def sample(self, rng: Rng | None = None) -> Genotype:
        """A genotype of uniformly random decisions.

        Args:
            rng: A seed, a ``random.Random`` or a numpy Generator; None: another one at every call.
        """
        below = drawer(rng)
        return self.decode([below(len(d.choices)) for d in self.decisions])

    def neighbours(self, genotype: Genotype) -> list[Genotype]:
        """All genotypes that differ in exactly one decision, in the order of decisions and choices."""
        return [self._like(genotype, vector) for vector in _one_changed(self.encode(genotype), self.decisions)]

    def mutate(self, genotype: Genotype, rng: Rng) -> Genotype:
        """A genotype with one decision, drawn uniformly among those with a choice, changed to another choice.

        The only genotype of a space comes back unchanged.

        Args:
            genotype: Where to start.
            rng: As for ``sample``.
        """
        vector, below = list(self.encode(genotype)), drawer(rng)
        open_ones = [i for i, d in enumerate(self.decisions) if len(d.choices) > 1]
        if open_ones:
            i = open_ones[below(len(open_ones))]
            step = 1 + below(len(self.decisions[i].choices) - 1)
            vector[i] = (vector[i] + step) % len(self.decisions[i].choices)
        return self._like(genotype, vector)

    def crossover(self, a: Genotype, b: Genotype, rng: Rng) -> Genotype:
        """Uniform crossover: each decision from one parent or the other with equal chance.

        Args:
            a: The parent whose network settings the child has.
            b: The other parent.
            rng: As for ``sample``.
        """
        below = drawer(rng)
        return self._like(a, [pair[below(2)] for pair in zip(self.encode(a), self.encode(b), strict=True)])

    def _like(self, genotype: Genotype, vector: Sequence[int]) -> Genotype:
        made = self.decode(vector)
        return replace(made, network={**made.network, **genotype.network})

    # -- networks -------------------------------------------------------------------------------------------

    def supernet(
        self, task: Any, *, fused: bool = True, native: bool = False, paths: bool = False, **options: Any
    ) -> Any:
        """The supernet of this space; imports torch.

        Args:
            task: A task or its name.
            fused: Whether its mixed edges are computed in their fused form (``Supernet.fused``).
            native: Whether that form has compiled gates (``Supernet.native``).
            paths: Whether a path at a time (``Supernet.only``) is enough, so that nothing has to be relaxed.
            options: Of the skeleton; ``partial_channels`` (int) and ``edge_weights`` (bool) override the document's
                relaxation.

        Returns:
            A ``nas.supernet.Supernet``.
        """
        supernet = mixing(SKELETONS.get(self.skeleton), self, options)(self, task, **options)
        supernet.fused, supernet.native = fused, native
        return supernet

    def network(self, genotype: Genotype, task: Any, **options: Any) -> Any:
        """The derived network of a genotype; imports torch.

        Args:
            genotype: A point of this space; its network settings win over the space's.
            task: A task or its name.
            options: Of the skeleton.

        Returns:
            A plain ``nn.Module`` without search code, freshly initialised.

        Raises:
            UsageError: The genotype is no point of this space.
        """
        self.validate(genotype)
        space = self.with_network(genotype.network) if genotype.network else self
        return SKELETONS.network(space, genotype, task, options)

    def with_network(self, settings: Mapping[str, Any]) -> Space:
        """The same space with other network settings, for derived networks alone.

        Args:
            settings: Those that change; W follows a changed C.

        Raises:
            DocumentError: No network can be built with them.
        """
        merged = {**self.network_settings.model_dump(exclude_none=True), **settings}
        if "width" in settings and "features" not in settings and self._has_operations():
            merged.pop("features", None)  # W follows C
        changed = NetworkSettings.model_validate(merged)
        if changed == self.network_settings:
            return self
        # partial channels are the supernet's affair: a derived network may have any width
        check_channels(self.cells, changed, self.skeleton, Document({}, "genotype"), supernet=False)
        space = Space.__new__(Space)
        space.__dict__.update(self.__dict__)
        space.network_settings = changed
        space.document = {**self.document, "network": changed.model_dump(exclude_none=True)}
        space.hash = content_hash({k: v for k, v in space.document.items() if k != "title"})
        return space

    def _has_operations(self) -> bool:
        return any(cell.role == "operation" for cell in self.cells.values())


def mixing(skeleton: Any, space: Space, options: Mapping[str, Any]) -> Any:
    """The method of a skeleton that makes supernets.

    Raises:
        UsageError: It does not know an option.
    """
    method = skeleton.supernet
    known = inspect.signature(method).parameters
    unknown = [name for name in options if name not in known]
    if unknown and not any(p.kind is p.VAR_KEYWORD for p in known.values()):
        raise UsageError(
            f"the supernet of skeleton {space.skeleton!r} has no option {unknown[0]!r}; leave search.{unknown[0]} out"
        )
    return method


def _effective(schema: SpaceSchema) -> dict[str, Any]:
    """The document with every default written out and presets resolved."""
    plain = schema.model_dump(exclude={"preset", "presets"}, exclude_none=True)
    return {"format": FORMAT, **{k: v for k, v in plain.items() if k != "format"}}


def _decisions(cells: Mapping[str, Cell]) -> Iterator[Decision]:
    for cell in cells.values():
        registry = BLOCKS[cell.role]
        for edge in cell.edges:
            choices = tuple(name for name in edge.candidates if not registry.traits(name).zero)
            yield Decision(
                f"{cell.name}.{edge.source}->{edge.target}",
                cell.name,
                edge.source,
                edge.target,
                choices,
                role=cell.role,
            )


def _one_changed(vector: Sequence[int], decisions: Sequence[Decision]) -> Iterator[list[int]]:
    for i, decision in enumerate(decisions):
        for index in range(len(decision.choices)):
            if index != vector[i]:
                yield [*vector[:i], index, *vector[i + 1 :]]
