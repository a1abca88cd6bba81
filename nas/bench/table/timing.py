"""The latency of every genotype of a table, measured in one sitting: ``latency.csv``."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from nas.bench.table.costs import write_csv
from nas.bench.table.making import space_of_table
from nas.bench.table.plan import all_genotypes
from nas.bench.table.training import machine
from nas.estimators.table_recipe import LATENCY, read_recipe
from nas.profiling.latency import LatencyOptions, interquartile_range, measure_latency
from nas.progress import progress
from nas.tasks import get_task

COLUMNS = ("genotype", "latency_ms", "spread_ms", "rounds", "size", "torch", "cpu")
#: one measurement: a network's median time in milliseconds of some runs
Measure = Callable[[torch.nn.Module], float]


def time_genotypes(folder: Path, height: int, width: int, rounds: int = 5, measure: Measure | None = None) -> Path:
    """Time the networks of all genotypes on one thread of the CPU and write the times.

    In every round each network is timed once, in a new random order, right after a reference network (the middle one
    by multiply-adds). What counts is the ratio of the two, so that whatever slows the machine down for a while slows
    both; a latency is the median ratio times the median time of the reference.

    Args:
        folder: Of the table.
        height: Of the input in pixels.
        width: Likewise.
        rounds: How often each network is timed.
        measure: Times a network, in milliseconds; None runs it on random input.

    Returns:
        The path of the file.
    """
    recipe = read_recipe(folder)
    space, task = space_of_table(recipe), get_task(recipe.task)
    genotypes = all_genotypes(space)
    torch.manual_seed(0)
    models = [space.network(genotype, task).eval() for genotype in genotypes]
    reference = models[len(models) // 2]
    options = LatencyOptions(threads=1, warmup=1, repeats=3)
    size = [f"{width}x{height}"]

    def run(model: torch.nn.Module) -> float:
        found = measure_latency(model, height, width, options)
        size[0] = found.size
        return found.median_ms

    take = measure or run
    ratios: list[list[float]] = [[] for _ in models]
    references: list[float] = []
    rng = np.random.default_rng(0)
    with progress("latency", rounds * len(models)) as bar:
        for _ in range(rounds):
            for index in rng.permutation(len(models)):
                references.append(take(reference))
                ratios[index].append(take(models[index]) / references[-1])
                bar.advance()
    unit = statistics.median(references)
    rows = [
        {
            "genotype": genotype.hash,
            "latency_ms": f"{statistics.median(found) * unit:.3f}",
            "spread_ms": f"{interquartile_range(found) * unit:.3f}",
            "rounds": rounds,
            "size": size[0],
            **machine(),
        }
        for genotype, found in zip(genotypes, ratios, strict=True)
    ]
    return write_csv(folder / LATENCY, COLUMNS, rows)
