"""Selection by perturbation: on each edge the candidate is kept whose removal costs the supernet most.

Wang, Cheng, Chen, Tang and Hsieh, "Rethinking architecture selection in differentiable NAS", ICLR 2021, algorithm 1:
the size of an architecture variable need not say what its candidate contributes. Edges are decided one after the other
in random order; a decided edge keeps its candidate alone. The paper trains the supernet on for a few epochs after each
decision; here its weights stay as they are, so that the selection follows from a finished run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from nas.config.search import LimitSettings
from nas.errors import NasError
from nas.objectives.costs import GenotypeCosts
from nas.progress import progress
from nas.space import Genotype
from nas.supernet import Supernet


@dataclass(frozen=True)
class Removal:
    """What the removal of one candidate costs.

    Attributes:
        decision: Index of the decision.
        choice: Index of the choice.
        psnr: PSNR of the supernet without it, in dB.
    """

    decision: int
    choice: int
    psnr: float


def select_by_perturbation(
    supernet: Supernet,
    relaxed: Callable[[Tensor], Tensor],
    validate: Callable[[nn.Module], dict[str, float]],
    seed: int = 0,
    costs: GenotypeCosts | None = None,
    limits: LimitSettings | None = None,
) -> tuple[Genotype, list[Removal]]:
    """Decide the edges of a trained supernet one after the other.

    Args:
        supernet: The supernet; it is the same afterwards.
        relaxed: From the alphas of a cell (E, K) to the weights with which the supernet was trained.
        validate: Scores of a network, ``psnr`` among them.
        seed: Of the order of the edges.
        costs: Costs of genotypes; needed with limits.
        limits: What the genotype has to keep: a candidate is left out where even the cheapest other edges would break
            a limit.

    Returns:
        The genotype, and what every removal cost, in order.

    Raises:
        NasError: There are no validation images, or no genotype keeps the limits.
    """
    masks = _Masks(supernet, relaxed)
    allowance = _Allowance(supernet, costs, limits)
    before, supernet.relax = supernet.relax, masks
    space, removals = supernet.space, []
    order = np.random.default_rng(seed).permutation(len(space.decisions))
    vector = [0] * len(space.decisions)
    try:
        with progress("removals", sum(len(d.choices) for d in space.decisions)) as bar:
            for index in map(int, order):
                tried = []
                for choice in allowance.left(index):
                    with masks.without(index, choice):
                        tried.append(Removal(index, choice, _psnr(validate(supernet))))
                    bar.advance(detail=space.decisions[index].name)
                vector[index] = min(tried, key=lambda removal: removal.psnr).choice
                masks.keep(index, vector[index])
                allowance.take(index, vector[index])
                removals += tried
    finally:
        supernet.relax = before
    return space.decode(vector), removals


def _psnr(scores: dict[str, float]) -> float:
    if not scores:
        raise NasError("candidates are compared on validation images, of which there are none; set data.validation")
    return scores["psnr"]


class _Masks:
    """The weights of the candidates, without those that are removed, and one alone on edges that are decided."""

    def __init__(self, supernet: Supernet, relaxed: Callable[[Tensor], Tensor]) -> None:
        self._relaxed, self._space = relaxed, supernet.space
        self._factors = {name: torch.ones_like(supernet.raw_alphas(name)) for name in self._space.cells}
        self._kept: dict[tuple[str, int], int] = {}

    def __call__(self, cell: str, alphas: Tensor) -> Tensor:
        weights = self._relaxed(alphas).detach() * self._factors[cell]
        for (name, row), column in self._kept.items():
            if name == cell:
                weights[row] = 0.0
                weights[row, column] = 1.0
        return weights

    def _place(self, index: int, choice: int) -> tuple[str, int, int]:
        decision = self._space.decisions[index]
        edges = self._space.cells[decision.cell].edges
        row = next(e for e, x in enumerate(edges) if (x.source, x.target) == (decision.source, decision.target))
        return decision.cell, row, list(edges[row].candidates).index(decision.choices[choice])

    @contextmanager
    def without(self, index: int, choice: int) -> Iterator[None]:
        """For the time of the block, a candidate is removed; the weights of the others stay."""
        cell, row, column = self._place(index, choice)
        self._factors[cell][row, column] = 0.0
        try:
            yield
        finally:
            self._factors[cell][row, column] = 1.0

    def keep(self, index: int, choice: int) -> None:
        """Decide an edge."""
        cell, row, column = self._place(index, choice)
        self._kept[cell, row] = column


class _Allowance:
    """Which choices can still lead to a genotype within the limits."""

    def __init__(self, supernet: Supernet, costs: GenotypeCosts | None, limits: LimitSettings | None) -> None:
        self._decisions = supernet.space.decisions
        self._bounds = costs.bounds(limits) if costs is not None and limits is not None else {}
        self._rows: dict[str, list[list[float]]] = {}
        self._fixed: dict[str, float] = {}
        for metric in self._bounds:
            assert costs is not None
            rows = zip(self._decisions, costs.rows(metric), strict=True)
            self._rows[metric] = [[row[block] for block in decision.choices] for decision, row in rows]
            self._fixed[metric] = costs.base(metric)
        self._open = set(range(len(self._decisions)))

    def left(self, index: int) -> list[int]:
        """The choices of a decision that keep every limit if all open decisions take their cheapest."""
        others = self._open - {index}
        found = [
            choice
            for choice in range(len(self._decisions[index].choices))
            if all(
                self._fixed[m] + self._rows[m][index][choice] + sum(min(self._rows[m][i]) for i in others) <= bound
                for m, bound in self._bounds.items()
            )
        ]
        if not found:
            raise NasError("no genotype that the selection could still reach keeps all limits; raise them")
        return found

    def take(self, index: int, choice: int) -> None:
        """Decide an edge."""
        self._open.discard(index)
        for metric in self._bounds:
            self._fixed[metric] += self._rows[metric][index][choice]
