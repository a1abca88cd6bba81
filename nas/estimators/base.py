"""What every estimator is to a search."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from nas.config.runs import SearchSettings
from nas.config.sections import Section
from nas.errors import NasError, UsageError
from nas.registry import ESTIMATORS
from nas.space import Genotype, Space
from nas.tasks import Task
from nas.train.training_data import TrainingData

#: (steps done, validation PSNR in dB) -> whether the trial is to be stopped
Report = Callable[[int, float], bool]
#: (settings, folder) -> run folder of the finished search; continues one that was interrupted there
NestedSearch = Callable[[SearchSettings, Path], Path]


class Estimator(ABC):
    """Values one genotype at a time; what it gives depends on settings, genotype and trial number alone.

    A third party subclasses it, names the class ``ESTIMATOR`` in a module and that module in the entry-point group
    ``nas.estimators``. It owns its settings: a pydantic model that it names ``Settings``, whose keys users type
    under ``search``; ``self.own`` holds them, checked.

    Attributes:
        Settings: Model of the keys under ``search`` that the estimator owns.
        quality: Name of the value it gives: ``psnr`` (dB, validation images), or ``score`` where nothing is trained.
        trains: Whether a trial is a training of ``search.trial_steps`` steps, which can be stopped early (pruning)
            and whose cost is known beforehand.
        shares: Whether ``prepare`` makes something that all workers of a study share; then it is called once, before
            they start, and ``for_workers`` says where it is.
        local: Names among its own settings that are paths on one machine; workers elsewhere may have others.
    """

    Settings: ClassVar[type[Section]] = Section
    quality: ClassVar[str] = "psnr"
    trains: ClassVar[bool] = False
    shares: ClassVar[bool] = False
    local: ClassVar[tuple[str, ...]] = ()

    def __init__(self, settings: SearchSettings, space: Space, task: Task, data: TrainingData) -> None:
        self.settings, self.space, self.task, self.data = settings, space, task, data
        self.own = settings.search.own(self.Settings)
        if settings.search.pruning and not self.trains:
            able = [name for name in ESTIMATORS.names() if ESTIMATORS.get(name).trains]
            raise UsageError(
                f"search.pruning stops short trainings, of which estimator {settings.search.estimator!r} has none; "
                f"set search.pruning=false or search.estimator={' or '.join(able)}"
            )

    @classmethod
    def files(cls, own: Section) -> dict[str, Path]:
        """Files that decide what a trial gives, by role; they must be the same for all workers of a study.

        Args:
            own: An instance of ``Settings``.
        """
        return {}

    def for_workers(self) -> dict[str, Any]:
        """Settings of its own by which other processes find what ``prepare`` has made; called after it."""
        return {}

    def facts(self) -> dict[str, Any]:
        """What the event of each trial says of how it was valued, beside the estimator's name."""
        return {}

    def prepare(self, folder: Path | None, search: NestedSearch) -> None:  # noqa: B027
        """Get ready whatever all trials share; called once, before the first trial.

        Args:
            folder: The run folder, where it may be kept; None in a worker that has none.
            search: Carries out a search inside this one, for estimators that need a trained supernet.
        """

    @abstractmethod
    def __call__(self, genotype: Genotype, trial: int, report: Report | None = None) -> dict[str, float]:
        """The value of ``genotype``.

        Args:
            genotype: A genotype of the space.
            trial: Number of the trial, from 0; it seeds the trial, whichever process does it.
            report: Told of the rungs of ``nas.estimators.pruning``; when it says so, the trial ends there and the
                values are those of the rung. None without pruning.

        Returns:
            The value under the name ``quality``, higher is better; ``steps``, the training steps taken; ``loss``
            where there is one. A training that diverges gives values that are not numbers.
        """

    def validated(self, scores: dict[str, float]) -> float:
        """The PSNR of a validation, which there must be."""
        if not scores:
            raise NasError(
                "trials are compared on validation images, of which there are none; set data.validation above 0"
            )
        return scores["psnr"]
