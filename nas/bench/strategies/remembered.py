"""A space that remembers genotypes: on a table the same few hundred are made and read again hundreds of times."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, cast

from nas.objectives.constraints import Vector
from nas.space import Genotype, Space


class _Remembering:
    """Makes each genotype once; mixed into the class of a space before its own methods."""

    _made: dict[Vector, Genotype]
    _read: dict[int, Vector]

    def decode(self, vector: Iterable[int]) -> Genotype:
        key = tuple(vector)
        found = self._made.get(key)
        if found is None:
            found = cast("Space", super()).decode(key)  # refuses what is no vector
            self._made[key] = found
            self._read[id(found)] = key
        return found

    def encode(self, genotype: Genotype) -> Vector:
        found = self._read.get(id(genotype))  # of genotypes made here, which live as long as the space
        return found if found is not None else cast("Space", super()).encode(genotype)

    def _like(self, genotype: Genotype, vector: Sequence[int]) -> Genotype:
        return self.decode(vector)  # all genotypes here have the settings of the space


def remembering(space: Space) -> Space:
    """The same space, which makes every genotype once.

    Args:
        space: A space whose genotypes differ in its decisions alone, as those of a table do.
    """
    kind = type(f"Remembering{type(space).__name__}", (_Remembering, type(space)), {})
    copy: Any = object.__new__(kind)
    copy.__dict__.update(space.__dict__)
    copy._made, copy._read = {}, {}
    return cast("Space", copy)
