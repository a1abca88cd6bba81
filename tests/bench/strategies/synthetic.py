"""A table whose values are made up: they follow size, plus what blocks are worth beside their size."""

from __future__ import annotations

import csv
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np

from nas.estimators.table_recipe import GENOTYPES, RUNS, TableRecipe
from nas.objectives.costs import GenotypeCosts
from nas.space import Genotype, load_space
from nas.tasks import get_task

SPACE = """
format: nas.space/1
name: small
skeleton: jsnet
cells:
  operation:
    role: operation
    nodes: 2
    inputs: all
    candidates: [skip_connect, sep_conv_3x3, lrb, rb]
    merge: sum
network: {width: 12, cells: 1}
"""
Value = Callable[[Genotype, tuple[int, ...]], float]


def separable(genotype: Genotype, vector: tuple[int, ...]) -> float:
    """30 dB and 0.1 dB times the index of each choice: the last genotype is the best, and no other is near."""
    return 30.0 + 0.1 * sum(vector)


def write_table(
    folder: Path,
    value: Value = separable,
    *,
    space: str | None = None,
    noise: float = 0.0,
    seed_effects: tuple[float, ...] = (0.0, 0.0),
    repeated: int = 8,
    trained: int | None = None,
) -> Path:
    """Write the files of a table; returns its folder.

    Args:
        folder: Where.
        value: Expected PSNR of a genotype and its vector.
        space: Registered name; None for ``SPACE``.
        noise: Standard deviation of a training, in dB.
        seed_effects: What is added to all trainings of a seed, in dB; one for each seed.
        repeated: How many genotypes are trained with all seeds.
        trained: How many genotypes are trained at all; None for all.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if space is None:
        (folder / "small.yaml").write_text(SPACE, encoding="utf-8")
        space = str(folder / "small.yaml")
    found = load_space(space)
    recipe = TableRecipe(space=space, space_hash=found.hash, seeds=list(range(len(seed_effects))), repeated=repeated)
    recipe.save(folder)
    costs = GenotypeCosts(found, get_task(recipe.task))
    rng = np.random.default_rng(0)
    genotypes, runs = [], []
    for index, vector in enumerate(product(*(range(len(d.choices)) for d in found.decisions))):
        genotype = found.decode(vector)
        cost = costs.of(genotype)
        genotypes.append([genotype.hash, int(cost["params"]), int(cost["macs"])])
        for seed, effect in enumerate(seed_effects):
            if (trained is None or index < trained) and (seed == 0 or index < repeated):
                psnr = value(genotype, vector) + effect + noise * rng.standard_normal()
                seconds = 10.0 + cost["macs"] / 1e9
                curve = [psnr - 1.0 + share for share in recipe.marks]
                spent = [seconds * share for share in recipe.marks]
                runs.append([genotype.hash, seed, *curve, *spent, "0" * 16])
    marks = recipe.mark_names
    columns = [f"{what}_{mark}" for what in ("psnr", "cpu_seconds") for mark in marks]
    _write(folder / GENOTYPES, ["genotype", "params", "macs"], genotypes)
    _write(folder / RUNS, ["genotype", "seed", *columns, "weights"], runs)
    return folder


def _write(path: Path, header: list[str], rows: list[list[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
