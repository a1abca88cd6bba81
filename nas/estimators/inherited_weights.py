"""Inherited weights: a supernet is trained once, and every genotype is valued by its own path through it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from nas.config.owners import with_strategy
from nas.config.runs import SearchSettings
from nas.config.search import LimitSettings, SearchOptions, StudySettings
from nas.config.sections import Section
from nas.errors import NasError
from nas.estimators.base import Estimator, NestedSearch, Report
from nas.estimators.supernets import load_supernet
from nas.space import Genotype, Space
from nas.supernet import Supernet
from nas.tasks import Task
from nas.train.state import random_state, restore_random_state
from nas.train.training_data import TrainingData

#: folder of the supernet inside the run that trained it
FOLDER = "supernet"


class InheritedWeightsSettings(Section):
    """Settings of the estimator under ``search``.

    Attributes:
        supernet: Run folder of a trained supernet whose weights are inherited; None trains one first.
        supernet_steps: Steps of that training.
        supernet_strategy: Strategy of that training; it draws one genotype a step.
    """

    supernet: str | None = Field(
        None, description="run folder of a trained supernet to inherit from; None: train one first"
    )
    supernet_steps: int = Field(1000, gt=0, description="steps of the supernet's training when no supernet is given")
    supernet_strategy: str = Field("single_path", description="strategy that trains it on one genotype a step")


class SupernetEstimator(Estimator):
    """Validation PSNR of the genotype's path through a supernet trained by uniform single-path sampling.

    Guo et al., "Single path one-shot neural architecture search with uniform sampling", ECCV 2020. The weights are
    those of ``search.supernet``, a finished ``nas search --strategy single_path`` run on the same space and task.
    Without one, such a run of ``search.supernet_steps`` steps is made first, on the whole space and inside this run,
    where later searches can use it; its time does not count against the search. Inherited weights favour blocks that
    learn fast and give only a rough ranking: retrain what is found.
    """

    Settings: ClassVar[type[Section]] = InheritedWeightsSettings
    shares: ClassVar[bool] = True
    local: ClassVar[tuple[str, ...]] = ("supernet",)
    own: InheritedWeightsSettings

    def __init__(self, settings: SearchSettings, space: Space, task: Task, data: TrainingData) -> None:
        super().__init__(settings, space, task, data)
        named = self.own.supernet
        self._run: Path | None = None if named is None else Path(named)
        self._model: Supernet | None = None if named is None else self._loaded(Path(named))

    def prepare(self, folder: Path | None, search: NestedSearch) -> None:
        """Train the supernet, or continue its training, if none was named."""
        if self._model is None:
            if folder is None:
                raise NasError("there is no run folder to train a supernet in; name a trained one in search.supernet")
            self._run = self._train(folder / FOLDER, search)
            self._model = self._loaded(self._run)

    @classmethod
    def files(cls, own: Section) -> dict[str, Path]:
        """The supernet's weights."""
        assert isinstance(own, InheritedWeightsSettings)
        return {} if own.supernet is None else {"supernet": Path(own.supernet) / "weights.safetensors"}

    def for_workers(self) -> dict[str, Any]:
        """The run folder of the supernet that this process has loaded or trained."""
        return {} if self._run is None else {"supernet": str(self._run)}

    def __call__(self, genotype: Genotype, trial: int, report: Report | None = None) -> dict[str, float]:
        """Validate the genotype's path through the supernet (see ``Estimator``)."""
        if self._model is None:
            raise NasError("the supernet is not trained yet; call prepare before the first trial")
        with self._model.only(genotype):
            return {"psnr": self.validated(self.data.validate(self._model)), "steps": 0}

    def _loaded(self, run: Path) -> Supernet:
        return load_supernet(run, self.space, self.task).to(self.settings.device)

    def _train(self, folder: Path, search: NestedSearch) -> Path:
        before = random_state()  # the outer search continues as if it had not been interrupted
        try:
            return search(self.training(), folder)
        finally:
            restore_random_state(before)

    def training(self) -> SearchSettings:
        """The settings of the supernet's training: no trials, no limits, and no genotypes compared at its end."""
        defaults = SearchOptions()
        plain = {
            "estimator": defaults.estimator,
            "objectives": defaults.objectives,
            "trials": defaults.trials,
            "pruning": defaults.pruning,
        }
        settings = with_strategy(self.settings, self.own.supernet_strategy, **plain, samples=1)
        return settings.model_copy(
            update={
                "train": settings.train.model_copy(update={"steps": self.own.supernet_steps, "time": None}),
                "limits": LimitSettings(),
                "study": StudySettings(),
            }
        )


ESTIMATOR = SupernetEstimator
