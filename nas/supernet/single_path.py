"""One path of a supernet at a time: drawing paths, and writing a chosen one into the architecture variables."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

from nas.errors import NasError

if TYPE_CHECKING:
    from nas.space import Genotype, Space
    from nas.supernet.supernet import Supernet

#: draws that are tried before limits count as too tight to be kept by chance
TRIES = 200


def draw_path(
    space: Space,
    seed: int,
    allowed: Callable[[Genotype], bool] | None = None,
    otherwise: Callable[[int], Genotype] | None = None,
) -> Genotype:
    """A uniformly random genotype among those that are allowed, by rejection.

    Args:
        space: Where to draw from.
        seed: Of the draws.
        allowed: Which genotypes are; None: all.
        otherwise: Makes a genotype of the seed where ``TRIES`` draws found none.

    Raises:
        NasError: They found none, and there is no ``otherwise``.
    """
    rng = random.Random(seed)
    for _ in range(TRIES):
        genotype = space.sample(rng)
        if allowed is None or allowed(genotype):
            return genotype
    if otherwise is None:
        raise NasError(
            f"not one of {TRIES} random genotypes of space {space.name!r} keeps the limits; raise them, or use a "
            "strategy that searches within limits"
        )
    return otherwise(seed)


def settle(supernet: Supernet, genotype: Genotype) -> None:
    """Set the architecture variables so that ``supernet.genotype()`` is a given one (its alphas 1, all others 0)."""
    supernet.space.validate(genotype)
    with torch.no_grad():
        for parameter in supernet.arch_parameters():
            parameter.zero_()
        for name, cell in supernet.space.cells.items():
            alphas = supernet.raw_alphas(name)
            for row, (edge, choice) in enumerate(zip(cell.edges, genotype.cells[name], strict=True)):
                alphas[row, edge.candidates.index(choice.block)] = 1.0
