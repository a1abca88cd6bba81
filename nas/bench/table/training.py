"""One training of a table: a network from scratch, measured at the marks of the recipe."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from nas.bench.table.images import TableData
from nas.bench.table.plan import Training
from nas.data import iterate_batches
from nas.models.weights import weights_hash
from nas.space import Space
from nas.train.losses import task_criterion
from nas.train.network_learner import NetworkLearner
from nas.train.state import seed_everything
from nas.train.training_data import END

#: what each mark records, in the order of the columns
AT_MARKS = ("psnr", "ssim", "loss", "cpu_seconds")


def train_once(
    training: Training, space: Space, data: TableData, clock: Callable[[], float] = time.process_time
) -> dict[str, Any]:
    """Train one network on one thread, and measure it at every mark.

    Everything random follows from the seed, and the patches of a seed are the same for all genotypes.

    Args:
        training: Genotype and seed.
        space: The space of the table.
        data: Images and recipe.
        clock: CPU seconds since any moment.

    Returns:
        ``psnr_M``, ``ssim_M``, ``loss_M`` (mean training loss since the mark before, on 0..255) and ``cpu_seconds_M``
        (since the start, validation included) for every mark M, and ``weights``, the hash of the final weights. What
        comes after a loss that is not finite is None, the hash too.
    """
    recipe = data.recipe
    started = clock()
    seed_everything(training.seed)
    model = space.network(training.genotype, data.task)
    learner = NetworkLearner(
        model,
        task_criterion(recipe.train.loss, model.descriptor.value_range),
        partial(iterate_batches, data.source(training.seed), end=END, workers=0),
        recipe.train,
        "cpu",
        data.scores,
    )
    found: dict[str, Any] = {f"{what}_{mark}": None for what in AT_MARKS for mark in recipe.mark_names}
    marks = dict(zip(recipe.mark_steps, recipe.mark_names, strict=True))
    losses: list[float] = []
    learner.begin(0)
    for step in range(recipe.train.steps):
        losses.append(learner.step(step)["loss"])
        if not math.isfinite(losses[-1]):
            return {**found, "weights": None}
        mark = marks.get(step + 1)
        if mark is not None:
            values = learner.validate(step + 1)
            values |= {"loss": sum(losses) / len(losses), "cpu_seconds": clock() - started}
            found |= {f"{what}_{mark}": values[what] for what in AT_MARKS}
            losses = []
    return {**found, "weights": weights_hash(learner.final_state())}


def machine() -> dict[str, str]:
    """What decides the last bits of a training besides the recipe: torch and the instructions of the processor."""
    return {"torch": str(torch.__version__), "cpu": torch.backends.cpu.get_cpu_capability()}
