"""The value of a genotype by a tabular benchmark: a training that was done before is looked up."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from nas.config.runs import SearchSettings
from nas.config.sections import Section
from nas.errors import UsageError
from nas.estimators.base import Estimator, Report
from nas.estimators.table_recipe import GENOTYPES, RECIPE, RUNS
from nas.estimators.table_values import StoredTable
from nas.space import Genotype, Space
from nas.tasks import Task
from nas.train.training_data import TrainingData


class TableSettings(Section):
    """Settings of the estimator under ``search``.

    Attributes:
        table: Folder of the table ('nas bench table').
    """

    table: str | None = Field(None, description="folder of the table ('nas bench table')")


class TableEstimator(Estimator):
    """Validation PSNR of one of the genotype's trainings in a table, drawn by the seed of the search.

    Effects of the trainings' seeds are taken out, as if all had seen the same patches. The CPU seconds that the
    training had taken stand as ``simulated_seconds`` in the event of the trial. Space and task must be those of the
    table.
    """

    Settings: ClassVar[type[Section]] = TableSettings
    halts: ClassVar[bool] = True
    local: ClassVar[tuple[str, ...]] = ("table",)
    own: TableSettings

    def __init__(self, settings: SearchSettings, space: Space, task: Task, data: TrainingData) -> None:
        super().__init__(settings, space, task, data)
        if self.own.table is None:
            raise UsageError("this estimator looks trainings up; name the folder of the table in search.table")
        self._table = StoredTable.load(self.own.table)
        recipe = self._table.recipe
        if space.hash != recipe.space_hash or task.name != recipe.task:
            raise UsageError(
                f"the table in {self.own.table!r} is of space {recipe.space!r} and task {recipe.task!r}; search with "
                f"--space {recipe.space} --task {recipe.task} and without changes of the space"
            )

        self._spent = 0.0

    def facts(self) -> dict[str, Any]:
        """CPU seconds that the last training had taken when the table was made."""
        return {"simulated_seconds": round(self._spent, 2)}

    @classmethod
    def files(cls, own: Section) -> dict[str, Path]:
        """The files of the table."""
        assert isinstance(own, TableSettings)
        return {} if own.table is None else {name: Path(own.table) / name for name in (RECIPE, GENOTYPES, RUNS)}

    def for_workers(self) -> dict[str, Any]:
        """The folder of the table."""
        return {"table": self.own.table}

    def __call__(self, genotype: Genotype, trial: int, report: Report | None = None) -> dict[str, float]:
        """Look the genotype up (see ``Estimator``)."""
        return {"psnr": self._stored(genotype, trial, 0, self._table.recipe.mark_steps[-1]), "steps": 0}

    def levels(self, wanted: tuple[int, ...]) -> tuple[int, ...]:
        """The marks of the table, whatever is wanted."""
        return self._table.recipe.mark_steps

    def advance(self, genotype: Genotype, trial: int, begun: int, steps: int) -> dict[str, float]:
        """Look the genotype up at a mark; the simulated time is that since the mark at which it was halted."""
        return {"psnr": self._stored(genotype, trial, begun, steps), "steps": 0}

    def _stored(self, genotype: Genotype, trial: int, begun: int, steps: int) -> float:
        runs, marks = self._table.of(genotype.hash), self._table.recipe.mark_steps
        if not runs:
            self._spent = 0.0
            return math.nan
        drawn = runs[int(np.random.default_rng([self.settings.seed, trial]).integers(len(runs)))]
        mark = marks.index(steps)
        self._spent = drawn.cpu_seconds[mark] - (drawn.cpu_seconds[marks.index(begun)] if begun else 0.0)
        return self._table.adjusted(drawn)[mark]


ESTIMATOR = TableEstimator
