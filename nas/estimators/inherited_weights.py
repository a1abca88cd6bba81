"""Inherited weights: one supernet is trained, and every genotype is judged by its own path through it."""

from __future__ import annotations

import json
from pathlib import Path

import torch

from nas.config.runs import SearchSettings
from nas.config.search import LimitSettings, StudySettings
from nas.errors import NasError, UsageError
from nas.estimators.base import Estimator, NestedSearch, Report
from nas.models.weights import load_strict, read_metadata
from nas.registry import STRATEGIES
from nas.space import Genotype, Space, space_from_document
from nas.supernet import Supernet
from nas.tasks import Task
from nas.train.run import Run
from nas.train.state import random_state, restore_random_state
from nas.train.training_data import TrainingData

#: the strategy that trains such a supernet, one random path a step
TRAINER = "single_path"
#: where it is kept in the run that needed it
FOLDER = "supernet"


class SupernetEstimator(Estimator):
    """Validation PSNR of the genotype's path through a supernet trained by uniform single-path sampling.

    Guo et al., "Single path one-shot neural architecture search with uniform sampling", ECCV 2020. The weights are
    those of ``search.supernet``, a finished ``nas search --strategy single_path`` run on the same space and task;
    without one, such a run of ``search.supernet_steps`` steps is made inside this run first, on the whole space,
    and kept there for later searches. Its time does not count as the search's own. Inherited weights favour blocks
    that learn fast, and rank only roughly: retrain what is found.
    """

    def __init__(self, settings: SearchSettings, space: Space, task: Task, data: TrainingData) -> None:
        super().__init__(settings, space, task, data)
        named = settings.search.supernet
        self._model: Supernet | None = None if named is None else self._loaded(Path(named))

    def prepare(self, folder: Path | None, search: NestedSearch) -> None:
        """Train the supernet, or go on with its training, when none was named."""
        if self._model is None:
            if folder is None:
                raise NasError("there is no run folder to train a supernet in; name a trained one in search.supernet")
            self._model = self._loaded(self._train(folder / FOLDER, search))

    def __call__(self, genotype: Genotype, trial: int, report: Report | None = None) -> dict[str, float]:
        if self._model is None:
            raise NasError("the supernet is not there yet; call prepare before the first trial")
        with self._model.only(genotype):
            return {"psnr": self.validated(self.data.validate(self._model)), "steps": 0}

    def _loaded(self, run: Path) -> Supernet:
        return load_supernet(run, self.space, self.task).to(self.settings.device)

    def _train(self, folder: Path, search: NestedSearch) -> Path:
        before = random_state()  # the outer one goes on as if nothing had happened
        try:
            return search(self.training(), folder)
        finally:
            restore_random_state(before)

    def training(self) -> SearchSettings:
        """The same settings for the supernet: its own number of steps, no trials, no limits, nothing compared."""
        search, train = self.settings.search, self.settings.train
        changes = {"estimator": "train", "objectives": ["psnr"], "trials": 1, "samples": 1}
        return self.settings.model_copy(
            update={
                "strategy": TRAINER,
                "search": search.model_copy(update=changes),
                "train": train.model_copy(update={"steps": search.supernet_steps, "time": None}),
                "limits": LimitSettings(),
                "study": StudySettings(),
            }
        )


def load_supernet(run_folder: str | Path, space: Space, task: Task) -> Supernet:
    """The supernet of a finished ``nas search --strategy single_path`` run, in evaluation mode, on the CPU.

    Use it as ``with supernet.only(genotype): supernet(x)``. Raises UsageError when the run is of another strategy,
    space or task, NasError when it is not finished.
    """
    from safetensors.torch import load_file

    run = Run.open(run_folder)
    settings = run.expect(SearchSettings)
    strategy = STRATEGIES.get(settings.strategy)
    if not strategy.chooses_at_end:
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
        options = strategy(settings.search, settings.train).supernet_options()
        supernet: Supernet = space.supernet(task, **options)
    load_strict(supernet, load_file(str(path)), str(path))
    supernet.eval()
    return supernet
