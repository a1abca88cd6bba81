"""A supernet trained one uniformly random path a step, whose weights every genotype inherits.

Guo et al., "Single path one-shot neural architecture search with uniform sampling", ECCV 2020, section 3.3: no
architecture variable is trained, so that no candidate is favoured, and a step runs one candidate an edge.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import nn

from nas.config.runs import SearchSettings
from nas.errors import NasError, UsageError
from nas.models.weights import load_strict, read_metadata
from nas.objectives.optimum import random_within
from nas.space import Genotype, Space, space_from_document
from nas.strategies.base import Batch
from nas.strategies.bilevel import BilevelStrategy
from nas.strategies.supernet_learner import SupernetLearner
from nas.supernet import Supernet
from nas.supernet.single_path import draw_path, settle
from nas.tasks import Task
from nas.train.loop import train
from nas.train.run import Run
from nas.train.schedules import learning_rate
from nas.train.training_data import Feed

#: how many genotypes a validation in the middle of the training compares
GLIMPSE = 4


class SinglePathLearner(SupernetLearner):
    """Trains on the weight images alone; validation compares random genotypes, the last one ``search.samples``.

    The best is written into the architecture variables (as ones and zeros), so that the weights file holds it.
    """

    #: genotypes compared so far at one time
    _compared: int = 0

    def begin(self, step: int) -> None:
        super().begin(step)
        assert isinstance(self.strategy, SinglePath)
        self.strategy.draw = self._draw

    def step(self, step: int) -> dict[str, float]:
        return self.strategy.step(self.supernet, self._to_device(next(self._weight_stream)), None)

    def _draw(self, seed: int) -> Genotype:
        costs, limits = self.costs, self.settings.limits
        if costs is None:
            return draw_path(self.space, seed)
        return draw_path(
            self.space,
            seed,
            lambda genotype: costs.feasible(genotype, limits),
            lambda again: random_within(self.space, costs, limits, again),
        )

    def genotype(self) -> Genotype:
        """The best of ``search.samples`` random genotypes (within the limits) on the validation images."""
        if self._compared < self.settings.search.samples:
            self._compare(self.settings.search.samples)
        return self.supernet.genotype()

    def report(self, step: int) -> Iterator[tuple[str, dict[str, Any]]]:
        return iter(())  # nothing of the architecture moves

    def validate(self, step: int) -> dict[str, float]:
        """psnr: of the best genotype compared, by inherited weights; mean_psnr: of all that were compared."""
        samples = self.settings.search.samples
        return self._compare(samples if step >= self.settings.train.steps else min(GLIMPSE, samples))

    def _compare(self, count: int) -> dict[str, float]:
        drawn = {g.hash: g for g in (self._draw(self.settings.seed * 1_000_003 + i) for i in range(count))}
        values: dict[str, float] = {}
        for key, genotype in drawn.items():
            if len(drawn) == 1 and self.settings.search.samples == 1:  # nothing to compare, so nothing to measure
                best = key
                break
            with self.supernet.only(genotype):
                scores = self._validate(self.supernet)
            if not scores:
                raise NasError(
                    "single_path compares genotypes on validation images, of which there are none; set data.validation "
                    "above 0, or search.samples=1 for a supernet to inherit from"
                )
            values[key] = scores["psnr"]
        else:
            best = max(values, key=lambda key: values[key])
        settle(self.supernet, drawn[best])
        self._compared = count
        self.supernet.train()
        return {"psnr": values[best], "mean_psnr": sum(values.values()) / len(values)} if values else {}

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "compared": self._compared}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self._compared = int(state["compared"])


class SinglePath(BilevelStrategy):
    """Every candidate at full width and without edge weights, as in the derived network."""

    relaxation: ClassVar[Mapping[str, Any]] = {"partial_channels": 1, "edge_weights": False}
    learner: ClassVar[type[SupernetLearner]] = SinglePathLearner
    #: an unfinished run has no genotype: it is chosen by comparison at the end
    chooses_at_end: ClassVar[bool] = True
    #: seed -> path; set by the learner where there are limits
    draw: Callable[[int], Genotype] | None = None

    def step(self, supernet: nn.Module, train_batch: Batch, search_batch: Batch | None) -> dict[str, float]:
        """One step of the weights along a random path; ``search_batch`` is not used."""
        assert isinstance(supernet, Supernet)
        rate = learning_rate(self.train.schedule, self.train.optimizer.lr, self._steps, self.train.steps)
        seed = int(torch.randint(2**31, ()))
        path = draw_path(supernet.space, seed) if self.draw is None else self.draw(seed)
        with supernet.only(path):
            loss = self.move_weights(supernet, train_batch, rate)
        self._steps += 1
        return {"loss": loss, "lr": rate}


def train_single_path(space: Space, task: Task, settings: SearchSettings, feed: Feed, run: Run) -> Supernet:
    """Train such a supernet in ``run`` (continuing from its newest state); returns it with the best path settled.

    ``nas search --strategy single_path`` does the same and writes the run's artefacts as well.
    """
    strategy = SinglePath(settings.search, settings.train)
    supernet = space.supernet(task, **strategy.supernet_options())
    streams = feed.batches("weights"), feed.batches("architecture")
    learner = SinglePathLearner(space, supernet, strategy, *streams, settings, feed.validate)
    train(learner, run, settings.train, f"single path {space.name} {task.name}")
    learner.genotype()
    return learner.supernet


def load_supernet(run_folder: str | Path, space: Space, task: Task) -> Supernet:
    """The supernet of a finished ``nas search --strategy single_path`` run, in evaluation mode, on the CPU.

    Use it as ``with supernet.only(genotype): supernet(x)``. Raises UsageError when the run is of another strategy,
    space or task, NasError when it is not finished.
    """
    from safetensors.torch import load_file

    run = Run.open(run_folder)
    settings = run.expect(SearchSettings)
    if settings.strategy != "single_path":
        raise UsageError(
            f"{str(run.folder)!r} was searched by {settings.strategy!r}, whose weights fit no single genotype; give a "
            "run of 'nas search --strategy single_path'"
        )
    run.summary()  # an unfinished run says how to finish it
    path = run.folder / "weights.safetensors"
    metadata = read_metadata(path)
    document = json.loads(metadata["space"])
    if metadata["task"] != task.name or space_from_document(document).hash != space.hash:
        raise UsageError(
            f"the supernet in {str(run.folder)!r} is of space {document.get('name')!r} and task {metadata['task']!r}, "
            f"not of this {space.name!r} and {task.name!r}; train one with this --space, --task, --cells, --width"
        )
    with torch.random.fork_rng(devices=[]):
        options = SinglePath(settings.search, settings.train).supernet_options()
        supernet: Supernet = space.supernet(task, **options)
    load_strict(supernet, load_file(str(path)), str(path))
    supernet.eval()
    return supernet


STRATEGY = SinglePath
