"""The whole configuration of a run."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field, field_validator

from nas.config.data import DataSettings
from nas.config.search import LimitSettings, SearchOptions, StudySettings
from nas.config.sections import Section
from nas.config.training import OptimizerSettings, RecipeSettings, TrainSettings
from nas.machine import AUTO, check_device


class Settings(Section):
    """The settings that search and retraining have in common.

    Attributes:
        task: Name of the task (``nas list tasks``).
        seed: Seed of everything random.
        device: cpu, cuda, cuda:N or mps; "auto" becomes the first of cuda, mps and cpu that is here.
        threads: CPU threads of torch; 0 leaves torch's own choice, except that a search on a machine of up to four
            cores takes one (unless OMP_NUM_THREADS is set). A training that ``nas retrain`` begins there has 1 here.
        data: Training images and patches.
        train: The training loop.
        plugins: Plug-in files or modules that are imported first.
    """

    changeable: ClassVar[frozenset[str]] = frozenset({"device", "threads", "data", "train", "plugins"})
    task: str = Field("sr_x2", description="name of the task ('nas list tasks')")
    seed: int = Field(1, ge=0, description="seed of everything random")
    device: str = Field(
        AUTO, validate_default=True, description="cpu, cuda, cuda:N, mps, or auto for the first of cuda, mps, cpu here"
    )
    threads: int = Field(
        0, ge=0, description="CPU threads of torch; 0: one for a search on up to 4 cores, else torch's own choice"
    )
    data: DataSettings = DataSettings()
    train: TrainSettings = TrainSettings()
    plugins: list[str] = Field([], description="plug-in files or modules that are imported first")

    @field_validator("device")
    @classmethod
    def _found(cls, device: str) -> str:
        """What ``auto`` stands for; others are checked where they are used, since a run may be read anywhere."""
        return check_device(AUTO) if device == AUTO else device


class SearchSettings(Settings):
    """The settings of ``nas search``: a space, a task, a strategy.

    Attributes:
        space: Name of the search space, or path of its document.
        preset: Name of a preset of the space.
        overrides: Settings of the space by dotted name (``network.cells: 3``).
        strategy: Name of the strategy (``nas list strategies``).
        search: Settings of the trials, the strategy and the estimator.
        limits: Hard limits that a genotype must keep.
        study: How many processes share the search.
        retrain: How an experiment trains the genotypes that its searches find.
    """

    changeable: ClassVar[frozenset[str]] = Settings.changeable | {"search", "limits", "study"}
    space: str = Field("jsm", description="name of the search space, or path of its document")
    preset: str | None = Field(None, description="name of a preset of the space")
    overrides: dict[str, Any] = Field({}, description="settings of the space by dotted name")
    strategy: str = Field("pc_darts", description="name of the strategy ('nas list strategies')")
    search: SearchOptions = SearchOptions()
    limits: LimitSettings = LimitSettings()
    study: StudySettings = StudySettings()
    retrain: RecipeSettings = RecipeSettings()


class RetrainSettings(Settings):
    """The settings of ``nas retrain``: a genotype, a finished search or a baseline is trained from scratch.

    Attributes:
        model: What is trained: a genotype, a run folder, or the name of a baseline.
        init_from: Weights file to start from, of the same network or of one that the baseline can convert (x2 to x3).
        space: Search space of the genotype, if it is not the one that the genotype names.
        preset: Name of a preset of that space.
        network: Constructor keywords of a baseline, or network settings of a derived network.
        train: The training loop.
    """

    model: str = Field("jsnet_released", description="a genotype, a run folder, or the name of a baseline")
    init_from: str | None = Field(None, description="weights file to start from")
    space: str | None = Field(None, description="search space of the genotype; None: the one that it names")
    preset: str | None = Field(None, description="name of a preset of that space")
    network: dict[str, Any] = Field({}, description="keywords of a baseline, or settings of a derived network")
    train: TrainSettings = TrainSettings(optimizer=OptimizerSettings(lr=1e-3))
