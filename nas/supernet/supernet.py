"""What every supernet offers a strategy: architecture variables apart from weights, and a genotype."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from nas.models.descriptor import ModelDescriptor
from nas.supernet.fused import FusedEdges
from nas.supernet.mixed import MixedEdge
from nas.supernet.relaxations import LEFT_OUT, Choices, Mixture, Relax, group_softmax, softmax, softmax_of_cell

if TYPE_CHECKING:
    from nas.space import Cell, Choice, Genotype, Space

#: Standard deviation of the first architecture values: near zero, so all candidates start alike.
INITIAL_STD = 1e-3


class _Plans:
    """Fused forms by cell, made when first wanted; a copy of a supernet makes its own, of its own modules."""

    def __init__(self) -> None:
        self.by_cell: dict[str, FusedEdges] = {}

    def __deepcopy__(self, memo: dict[int, object]) -> _Plans:
        return _Plans()

    def __reduce__(self) -> tuple[type[_Plans], tuple[()]]:
        return _Plans, ()


class Supernet(nn.Module):
    """Base class: holds the architecture variables of a space and reads the genotype from them.

    A skeleton subclasses it, builds its mixed edges and calls ``mixtures()`` once a forward pass.

    The alphas of a cell are one tensor (E, K), K the longest candidate list. Where lists differ, the candidates that
    a row lacks are masked with -inf before the softmax: weight zero, gradient zero. All cells of one name share the
    variables.

    Attributes:
        descriptor: What its callers must know of it.
        space: Whose supernet it is.
        fused: Whether its mixed edges are computed in their fused form (``nas.supernet.fused``) or one by one; values
            and gradients are the same up to rounding.
        native: Whether the fused form computes gates and statistics by compiled loops where these can
            (``nas.supernet.fused.native``): on CPUs, in float32 and float64.
        relax: From alphas to weights, by default a softmax; a strategy may replace it. Where it gives Choices, an edge
            runs the chosen candidate alone.
    """

    descriptor: ModelDescriptor

    def __init__(self, space: Space, labels: Mapping[str, str], edge_weights: Mapping[str, bool]) -> None:
        """Make the architecture variables.

        Args:
            space: Whose supernet it is.
            labels: Name of a cell -> suffix of its variables (``alphas_<label>``, ``betas_<label>``).
            edge_weights: Name of a cell -> whether its edges carry betas.
        """
        super().__init__()
        self.begin_as(space)
        self._plans = _Plans()
        self._fixed: dict[str, tuple[int, ...]] | None = None
        self._labels = dict(labels)
        self._weighted = {name: bool(edge_weights.get(name, False)) for name in space.cells}
        for name, cell in space.cells.items():
            widest = max(len(edge.candidates) for edge in cell.edges)
            self.register_parameter(f"alphas_{labels[name]}", nn.Parameter(torch.zeros(len(cell.edges), widest)))
            mask = torch.tensor([[k < len(edge.candidates) for k in range(widest)] for edge in cell.edges])
            if not bool(mask.all()):
                self.register_buffer(f"_mask_{labels[name]}", mask, persistent=False)
        for name, cell in space.cells.items():
            if self._weighted[name]:
                self.register_parameter(f"betas_{labels[name]}", nn.Parameter(torch.zeros(len(cell.edges))))
        self.reset_architecture()

    def begin_as(self, space: Space) -> None:
        """Set what every supernet has; for subclasses with architecture variables of their own."""
        self.space = space
        self.relax: Relax = softmax_of_cell
        self.fused = True
        self.native = False

    @property
    def groups(self) -> list[str]:
        """The names of the tables of architecture variables: those of the cells."""
        return list(self.space.cells)

    def options(self, name: str) -> list[tuple[Any, ...]]:
        """What the rows of a table choose from: the candidates of each edge."""
        return [edge.candidates for edge in self.space.cells[name].edges]

    def settle(self, genotype: Genotype) -> None:
        """Set the architecture variables so that ``genotype()`` has given blocks (its alphas 1, all others 0)."""
        self.space.validate(genotype)
        with torch.no_grad():
            for parameter in self.arch_parameters():
                parameter.zero_()
            for name, cell in self.space.cells.items():
                alphas = self.raw_alphas(name)
                for row, column in enumerate(_columns(cell, genotype.cells[name])):
                    if column != LEFT_OUT:
                        alphas[row, column] = 1.0

    def reset_architecture(self, std: float = INITIAL_STD, generator: torch.Generator | None = None) -> None:
        """Draw all architecture variables anew, from N(0, std^2)."""
        with torch.no_grad():
            for parameter in self.arch_parameters():
                parameter.normal_(0.0, std, generator=generator)

    def arch_parameter_names(self) -> list[str]:
        """Names of the architecture variables in the state dict: alphas of all cells, then betas."""
        alphas = [f"alphas_{self._labels[name]}" for name in self.space.cells]
        return alphas + [f"betas_{self._labels[name]}" for name in self.space.cells if self._weighted[name]]

    def arch_parameters(self) -> list[nn.Parameter]:
        """The architecture variables, in the order of ``arch_parameter_names``."""
        return [self.get_parameter(name) for name in self.arch_parameter_names()]

    def weight_parameters(self) -> list[nn.Parameter]:
        """All other trainable parameters (frozen ones are left out)."""
        own = {id(parameter) for parameter in self.arch_parameters()}
        return [p for p in self.parameters() if id(p) not in own and p.requires_grad]

    def fused_edges(self, name: str, cells: Sequence[Sequence[MixedEdge]]) -> FusedEdges:
        """The fused form of the edges of a cell.

        Args:
            name: The cell's name.
            cells: For each of its positions in the network the mixed edges, in the order of its edges.
        """
        if name not in self._plans.by_cell:
            sources = [edge.source for edge in self.space.cells[name].edges]
            self._plans.by_cell[name] = FusedEdges(
                [[mixed.as_edge(source) for mixed, source in zip(edges, sources, strict=True)] for edges in cells]
            )
        plans = self._plans.by_cell[name]
        plans.native = self.native
        return plans

    def mixtures(self) -> dict[str, Mixture]:
        """The weights of all edges by the name of their cell, with gradient; computed once a forward pass."""
        return {name: self._mixture(name) for name in self.space.cells}

    def _mixture(self, name: str) -> Mixture:
        alphas, edges = self.alphas(name), self._edge_weights(name)
        if self._fixed is not None:
            chosen = self._fixed[name]
            columns = torch.tensor([max(k, 0) for k in chosen], device=alphas.device)
            weights = torch.nn.functional.one_hot(columns, alphas.shape[1]).to(alphas.dtype)
            return Mixture(weights, edges, chosen)
        relaxed = self.relax(name, alphas)
        if isinstance(relaxed, Choices):
            return Mixture(relaxed.weights, edges, relaxed.chosen)
        return Mixture(relaxed, edges)

    @contextmanager
    def only(self, genotype: Genotype) -> Iterator[None]:
        """For the time of the block, every edge is the genotype's block alone (weight one); no other block is run.

        Weights and betas stay as they are, and alphas get no gradient.

        Raises:
            UsageError: The genotype is of another space.
        """
        self.space.validate(genotype)
        before, self._fixed = (
            self._fixed,
            {name: _columns(cell, genotype.cells[name]) for name, cell in self.space.cells.items()},
        )
        try:
            yield
        finally:
            self._fixed = before

    @contextmanager
    def discretised(self) -> Iterator[None]:
        """``only`` the genotype that the architecture variables stand for now.

        What the mixed supernet loses by it is the discretisation gap.
        """
        with self.only(self.genotype()):
            yield

    def edge_probabilities(self) -> dict[str, torch.Tensor]:
        """Softmax of the alphas, (E, K) by the name of the cell, detached; zero where an edge lacks a candidate."""
        return {name: table.detach() for name, table in self.probabilities().items()}

    def probabilities(self) -> dict[str, torch.Tensor]:
        """``edge_probabilities`` with their gradient, for terms of the architecture loss."""
        return {name: softmax(self.alphas(name)) for name in self.groups}

    def beta_probabilities(self) -> dict[str, torch.Tensor]:
        """Edge weights, (E,) by the name of the cell, detached, of the cells that have them."""
        found = {name: self._edge_weights(name) for name in self.space.cells}
        return {name: weights.detach() for name, weights in found.items() if weights is not None}

    def genotype(self) -> Genotype:
        """For each edge the candidate of largest probability (times its beta), zero blocks excluded.

        A beta is a positive factor of a whole row, so it changes no block, but which edges a node keeps: those of the
        largest products together (Liu et al., "DARTS", ICLR 2019, section 2.4).
        """
        probabilities = {name: table.tolist() for name, table in self.edge_probabilities().items()}
        betas = {name: weights.tolist() for name, weights in self.beta_probabilities().items()}
        vector: list[int] = []
        strength: dict[tuple[str, int, int], float] = {}
        for decision in self.space.decisions:
            if decision.kind == "edges":
                sets = [
                    sum(strength[decision.cell, int(source), decision.target] for source in text.split("+"))
                    for text in decision.choices
                ]
                vector.append(sets.index(max(sets)))
                continue
            edges = self.space.cells[decision.cell].edges
            row = next(e for e, x in enumerate(edges) if (x.source, x.target) == (decision.source, decision.target))
            beta = betas[decision.cell][row] if decision.cell in betas else 1.0
            listed = list(edges[row].candidates)
            scores = [beta * probabilities[decision.cell][row][listed.index(block)] for block in decision.choices]
            vector.append(scores.index(max(scores)))
            strength[decision.cell, decision.source, decision.target] = max(scores)
        return self.space.decode(vector)

    def raw_alphas(self, name: str) -> torch.Tensor:
        """The architecture variable of a cell itself, (E, K); entries for candidates that an edge lacks do nothing."""
        variable: torch.Tensor = getattr(self, f"alphas_{self._labels[name]}")
        return variable

    def alphas(self, name: str) -> torch.Tensor:
        """Alphas of a cell, (E, K), -inf where an edge lacks a candidate; with gradient."""
        alphas = self.raw_alphas(name)
        mask = getattr(self, f"_mask_{self._labels[name]}", None)
        return alphas if mask is None else alphas.masked_fill(~mask, float("-inf"))

    def size_shares(self) -> list[torch.Tensor]:
        """For each open setting of the network the probabilities of its choices; none where blocks alone are open."""
        return []

    def _edge_weights(self, name: str) -> torch.Tensor | None:
        if not self._weighted[name]:
            return None
        betas: torch.Tensor = getattr(self, f"betas_{self._labels[name]}")
        return group_softmax(betas, [edge.target for edge in self.space.cells[name].edges])


def _columns(cell: Cell, choices: Sequence[Choice]) -> tuple[int, ...]:
    """The candidate of each edge; ``LEFT_OUT`` for one that the choices do not keep."""
    blocks = {(c.source, c.target): c.block for c in choices}
    found = [(e.candidates, blocks.get((e.source, e.target))) for e in cell.edges]
    return tuple(LEFT_OUT if block is None else names.index(block) for names, block in found)
