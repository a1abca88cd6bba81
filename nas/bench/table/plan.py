"""Which trainings a table consists of, and in which order they are done."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from nas.estimators.table_recipe import TableRecipe
from nas.objectives.costs import GenotypeCosts
from nas.space import Genotype, Space
from nas.tasks import get_task


@dataclass(frozen=True)
class Training:
    """One training of a table.

    Attributes:
        genotype: What is trained.
        seed: Seed of weights and patches.
    """

    genotype: Genotype
    seed: int

    @property
    def key(self) -> tuple[str, int]:
        """Hash of the genotype, and the seed."""
        return self.genotype.hash, self.seed


def all_genotypes(space: Space) -> list[Genotype]:
    """Every genotype of a space, in the order of its vectors."""
    return [space.decode(vector) for vector in product(*(range(len(d.choices)) for d in space.decisions))]


def plan_trainings(space: Space, recipe: TableRecipe) -> list[Training]:
    """The trainings of a table in the order in which they are done.

    The genotypes are grouped by multiply-adds and taken from the groups in turn, in random order within each, so that
    any first part of the table is a stratified sample. First all are trained with the first seed, then the first
    ``recipe.repeated`` of them with each further seed. The cheapest and the dearest genotype are the first of their
    groups, so they are always among those.

    Args:
        space: The space of the table.
        recipe: Seeds, groups and the seed of the order.

    Returns:
        As many trainings as the whole table has.
    """
    costs = GenotypeCosts(space, get_task(recipe.task))
    genotypes = all_genotypes(space)
    ranked = sorted(range(len(genotypes)), key=lambda i: (*_costs(costs, genotypes[i]), i))
    rng = np.random.default_rng(recipe.order_seed)
    strata = [list(part) for part in np.array_split(np.array(ranked), min(recipe.strata, len(ranked)))]
    shuffled = [[stratum[i] for i in rng.permutation(len(stratum))] for stratum in strata]
    for stratum, extreme in ((shuffled[0], ranked[0]), (shuffled[-1], ranked[-1])):
        stratum.remove(extreme)
        stratum.insert(0, extreme)
    turns = max(len(stratum) for stratum in shuffled)
    order = [
        shuffled[s][turn] for turn in range(turns) for s in rng.permutation(len(shuffled)) if turn < len(shuffled[s])
    ]
    first, *others = recipe.seeds
    trainings = [Training(genotypes[i], first) for i in order]
    return trainings + [Training(genotypes[i], seed) for seed in others for i in order[: recipe.repeated]]


def _costs(costs: GenotypeCosts, genotype: Genotype) -> tuple[float, float]:
    found = costs.of(genotype)
    return found["macs"], found["params"]
