"""What every estimator is to a search."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

from nas.config.runs import SearchSettings
from nas.errors import NasError, UsageError
from nas.space import Genotype, Space
from nas.tasks import Task
from nas.train.training_data import TrainingData

#: (steps done, validation PSNR in dB) -> whether the trial is to be stopped
Report = Callable[[int, float], bool]
#: (settings, folder) -> run folder of the finished search; continues one that was interrupted there
NestedSearch = Callable[[SearchSettings, Path], Path]


class Estimator(ABC):
    """Values one genotype at a time; what it gives depends on settings, genotype and trial number alone."""

    def __init__(self, settings: SearchSettings, space: Space, task: Task, data: TrainingData) -> None:
        self.settings, self.space, self.task, self.data = settings, space, task, data
        if settings.search.pruning and settings.search.estimator != "train":
            raise UsageError(
                f"search.pruning stops short trainings, of which estimator {settings.search.estimator!r} has none; "
                "set search.pruning=false or search.estimator=train"
            )

    def prepare(self, folder: Path | None, search: NestedSearch) -> None:  # noqa: B027
        """Get ready whatever all trials share; called once, before the first trial.

        Args:
            folder: The run folder, where it may be kept; None in a worker that has none.
            search: Carries out a search inside this one, for estimators that need a trained supernet.
        """

    @abstractmethod
    def __call__(self, genotype: Genotype, trial: int, report: Report | None = None) -> dict[str, float]:
        """The quality of ``genotype``: "psnr" (dB, validation images) or "score" (of a proxy), higher is better.

        Also "steps", the training steps taken, and "loss" where there is one. ``report`` is told of the rungs of
        ``nas.estimators.pruning``; when it says so, the trial ends there and the values are those of the rung.
        A training that diverges gives values that are not numbers.
        """

    def validated(self, scores: dict[str, float]) -> float:
        """The PSNR of a validation, which there must be."""
        if not scores:
            raise NasError(
                "trials are compared on validation images, of which there are none; set data.validation above 0"
            )
        return scores["psnr"]
