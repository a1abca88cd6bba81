"""The genotypes of a table and what they cost: ``genotypes.csv``, complete before the first training."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import torch

from nas.bench.table.plan import all_genotypes
from nas.config.data import DataSettings
from nas.config.runs import Settings
from nas.estimators.table_recipe import GENOTYPES, TableRecipe
from nas.files import write_text
from nas.profiling.costs import costs_for_task
from nas.profiling.footprint import footprint
from nas.profiling.memory import peak_bytes
from nas.progress import progress
from nas.space import Genotype, Space
from nas.tasks import get_task

#: columns of costs, counted at the output size for which the task counts them
COSTS = ("params", "macs", "activations", "peak_memory_mib", "training_memory_mib")


def measured_costs(space: Space, genotype: Genotype, recipe: TableRecipe) -> dict[str, str]:
    """What the network of a genotype costs, counted on the network itself.

    Args:
        space: The space of the genotype.
        genotype: The genotype.
        recipe: Its task states the output size for which everything but the memory of training is counted.

    Returns:
        As text by column: parameters, multiply-adds, output elements of all convolutions, the most MiB of activations
        (float32) that live at once while an image is restored, and the MiB of weights, optimiser and activations in
        training.
    """
    task = get_task(recipe.task)
    with torch.random.fork_rng(devices=[]):
        model = space.network(genotype, task)
    costs = costs_for_task(model, task)
    height, width = task.cost_output
    peak = peak_bytes(model, height // task.scale, width // task.scale)
    settings = Settings(task=recipe.task, data=DataSettings(patch=recipe.patch, batch=recipe.batch))
    training = footprint(model, task, settings)
    return {
        "params": str(costs.parameters),
        "macs": str(costs.multiply_adds_total),
        "activations": str(costs.activations),
        "peak_memory_mib": f"{peak / 2**20:.2f}",
        "training_memory_mib": f"{training.state_mib + training.activation_mib:.2f}",
    }


def genotype_columns(space: Space) -> tuple[str, ...]:
    """The header of ``genotypes.csv``: the hash, one column for each decision, the costs."""
    return ("genotype", *(d.name for d in space.decisions), *COSTS)


def genotype_row(space: Space, genotype: Genotype, recipe: TableRecipe) -> dict[str, str]:
    """A row of ``genotypes.csv``: the hash, the chosen block of each decision, the costs."""
    blocks = [d.choices[i] for d, i in zip(space.decisions, space.encode(genotype), strict=True)]
    names = (d.name for d in space.decisions)
    costs = measured_costs(space, genotype, recipe)
    return {"genotype": genotype.hash, **dict(zip(names, blocks, strict=True)), **costs}


def write_genotypes(folder: Path, space: Space, recipe: TableRecipe) -> Path:
    """Count the costs of every genotype of a space and write them; returns the path of the file."""
    rows = []
    with progress("costs", space.size()) as bar:
        for genotype in all_genotypes(space):
            rows.append(genotype_row(space, genotype, recipe))
            bar.advance()
    return write_csv(folder / GENOTYPES, genotype_columns(space), rows)


def write_csv(path: Path, columns: tuple[str, ...], rows: list[dict[str, Any]]) -> Path:
    """Write a CSV file with these columns, atomically; returns its path."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return write_text(path, stream.getvalue())
