"""One path of a supernet at a time: drawing paths."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from nas.errors import NasError

if TYPE_CHECKING:
    from nas.space import Genotype, Space

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


def extremes(space: Space, seed: int) -> tuple[Genotype, Genotype]:
    """Random genotypes of the largest and of the smallest sizes: every number at its last, or its first choice.

    They train the weights that most and that fewest networks share (Yu and Huang, "Universally slimmable networks",
    ICCV 2019, section 3.2).
    """
    rng = random.Random(seed)
    drawn = [rng.randrange(len(d.choices)) for d in space.decisions]
    ordered = [d.kind == "ordered" for d in space.decisions]
    last = [len(d.choices) - 1 for d in space.decisions]

    def at(ends: list[int]) -> Genotype:
        return space.decode([end if o else i for end, o, i in zip(ends, ordered, drawn, strict=True)])

    return at(last), at([0] * len(last))
