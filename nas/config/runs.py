"""Whole configurations of a run."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from nas.config.data import DataSettings
from nas.config.search import LimitSettings, SearchOptions, StudySettings
from nas.config.sections import Section
from nas.config.training import OptimizerSettings, RecipeSettings, TrainSettings


class Settings(Section):
    """What search and retraining have in common."""

    task: str = "sr_x2"
    seed: int = Field(1, ge=0)
    device: str = "cpu"
    threads: int = Field(0, ge=0, description="CPU threads of torch; 0 leaves torch's own choice")
    data: DataSettings = DataSettings()
    train: TrainSettings = TrainSettings()
    plugins: list[str] = []


class SearchSettings(Settings):
    """``nas search``: a space, a task, a strategy. ``overrides`` change the space (``network.cells: 3``)."""

    space: str = "jsm"
    preset: str | None = None
    overrides: dict[str, Any] = {}
    strategy: str = "pc_darts"
    search: SearchOptions = SearchOptions()
    limits: LimitSettings = LimitSettings()
    study: StudySettings = StudySettings()
    retrain: RecipeSettings = RecipeSettings()


class RetrainSettings(Settings):
    """``nas retrain``: a genotype, a finished search or a baseline, trained from scratch.

    network: constructor keywords of a baseline, or network settings of a derived network.
    init_from: weights file to start from, of the same network or of one that the baseline can carry over (x2 to x3).
    """

    model: str = "jsnet_released"
    init_from: str | None = None
    space: str | None = None
    preset: str | None = None
    network: dict[str, Any] = {}
    train: TrainSettings = TrainSettings(optimizer=OptimizerSettings(lr=1e-3))
