"""The contract of an estimator, which gives a genotype its value in a search."""

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
    """Gives genotypes a value, one at a time; the value depends on settings, genotype and trial index alone.

    A third party subclasses it, names the class ``ESTIMATOR`` in a module, and names that module in the entry-point
    group ``nas.estimators``. An estimator owns its settings: a pydantic model ``Settings``, whose keys users type
    under ``search``. The checked values are in ``self.own``.

    Attributes:
        Settings: Model of the keys under ``search`` that the estimator owns.
        quality: Name of its value: ``psnr`` (dB, on the validation images), or ``score`` if nothing is trained.
        trains: Whether a trial is a training of ``search.trial_steps`` steps, which pruning can end early and whose
            cost is known in advance.
        halts: Whether a training can be halted and go on later (``advance``), as multi-fidelity strategies need.
        shares: Whether ``prepare`` makes something that all workers of a study share. Then it is called once, before
            they start, and ``for_workers`` says where it is.
        local: Names among its own settings that are paths on one machine; workers on other machines may differ.
    """

    Settings: ClassVar[type[Section]] = Section
    quality: ClassVar[str] = "psnr"
    trains: ClassVar[bool] = False
    halts: ClassVar[bool] = False
    shares: ClassVar[bool] = False
    local: ClassVar[tuple[str, ...]] = ()

    def __init__(self, settings: SearchSettings, space: Space, task: Task, data: TrainingData) -> None:
        self.settings, self.space, self.task, self.data = settings, space, task, data
        self.own = settings.search.own(self.Settings)
        if settings.search.pruning and not self.trains:
            able = [name for name in ESTIMATORS.names() if ESTIMATORS.get(name).trains]
            raise UsageError(
                f"search.pruning ends trainings early, but estimator {settings.search.estimator!r} trains nothing; "
                f"set search.pruning=false or search.estimator={' or '.join(able)}"
            )

    @classmethod
    def variants(cls) -> list[dict[str, Any]]:
        """Own settings of each of the measures that the estimator offers, for comparisons of all; one by default."""
        return [{}]

    @classmethod
    def files(cls, own: Section) -> dict[str, Path]:
        """Files that decide the value of a trial, by role; they must be the same for all workers of a study.

        Args:
            own: An instance of ``Settings``.
        """
        return {}

    def for_workers(self) -> dict[str, Any]:
        """Own settings by which other processes find what ``prepare`` has made; called after it."""
        return {}

    def facts(self) -> dict[str, Any]:
        """Entries of each trial's event that say how it was valued, besides the estimator's name."""
        return {}

    def levels(self, wanted: tuple[int, ...]) -> tuple[int, ...]:
        """The steps at which trainings can be halted for a strategy that wants these; ascending, the last is whole."""
        return wanted

    def advance(self, genotype: Genotype, trial: int, begun: int, steps: int) -> dict[str, float]:
        """Train on from step ``begun``, where it was halted, to ``steps``; only if ``halts``.

        Args:
            genotype: A genotype of the space.
            trial: Index of the trial in which the genotype was proposed first. The values depend on settings, genotype,
                this index and ``steps`` alone, however often the training was halted.
            begun: 0, or the one of ``levels`` at which it was halted.
            steps: One of ``levels`` above that.

        Returns:
            As for a whole training, with ``steps`` those from ``begun`` on.
        """
        raise NotImplementedError

    def prepare(self, folder: Path | None, search: NestedSearch) -> None:  # noqa: B027
        """Prepare what all trials share; called once, before the first trial.

        Args:
            folder: The run folder, where it may be kept; None in a worker, which has none.
            search: Carries out a search inside this one, for estimators that need a trained supernet.
        """

    @abstractmethod
    def __call__(self, genotype: Genotype, trial: int, report: Report | None = None) -> dict[str, float]:
        """The value of ``genotype``.

        Args:
            genotype: A genotype of the space.
            trial: Index of the trial, from 0; it seeds the trial, whichever process evaluates it.
            report: Called at the rungs of ``nas.estimators.pruning``; if it returns True, the trial ends there with
                the value of the rung. None without pruning.

        Returns:
            The value, under the name ``quality``, of which more is better; ``steps``, the training steps taken;
            ``loss`` if there is one. The value is not a number if the training diverged.
        """

    def validated(self, scores: dict[str, float]) -> float:
        """The PSNR among the scores of a validation, in dB.

        Raises:
            NasError: There are no scores, since there are no validation images.
        """
        if not scores:
            raise NasError(
                "trials are compared on validation images, of which there are none; set data.validation above 0"
            )
        return scores["psnr"]
