"""What a report is made from, read and put in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from nas.evaluation.rows import EvaluationRow, EvaluationRows
from nas.report.comparison import related
from nas.report.experiment_folder import ExperimentFolder, is_experiment_folder, read_experiment
from nas.report.page.followed import restored_pictures, with_retrainings
from nas.report.page.pictures import Array, Picture, as_pictures
from nas.report.published import is_published
from nas.report.run_folder import RunFolder, read_run
from nas.report.table_folder import TableFolder, is_table_folder, read_table

if TYPE_CHECKING:
    from nas.space import Genotype


@dataclass
class ReportMaterial:
    """Everything that a report shows.

    Attributes:
        runs: Folders of runs, as far as they could be read.
        experiments: Folders of experiments, as far as they could be read.
        rows: Measured rows, then the published rows beside them.
        genotype: A genotype that stands for that of the runs.
        pictures: Scenes to compare.
        tables: Folders of tabular benchmarks, as far as they could be read.
        problems: A sentence for each part that could not be read or shown; sections add to it.
    """

    runs: list[RunFolder]
    experiments: list[ExperimentFolder]
    rows: list[EvaluationRow]
    genotype: Genotype | None
    pictures: list[Picture]
    tables: list[TableFolder] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def folders(self) -> list[RunFolder | ExperimentFolder | TableFolder]:
        """The folders of runs, then those of experiments, then those of tables."""
        return [*self.runs, *self.experiments, *self.tables]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show."""
        shown = self.rows or self.genotype or self.pictures or self.experiments or self.tables
        return not (shown or any(r.events or r.config or r.genotype for r in self.runs))

    @property
    def measured(self) -> list[EvaluationRow]:
        """The rows that were measured here."""
        return [r for r in self.rows if not is_published(r)]

    @property
    def models(self) -> list[str]:
        """Names of the measured models, in the order of the rows."""
        return list(dict.fromkeys(r.model for r in self.measured))

    @property
    def ranking(self) -> list[str]:
        """Names of the measured models by their mean distance from the mean PSNR of each set, the best first."""
        frame = EvaluationRows(self.measured).frame()
        if not len(frame):
            return []
        known = frame.loc[frame["psnr"].notna()]
        means = known.groupby(["task", "set"])["psnr"].transform("mean")
        by_model = (known["psnr"].astype(float) - means.astype(float)).groupby(known["model"], sort=False).mean()
        return [str(name) for name in by_model.sort_values(ascending=False, kind="stable").index]

    @property
    def heading(self) -> str:
        """The heading of a page without a title."""
        if len(self.folders) != 1:
            return "Image restoration report"
        kind = "Experiment" if self.experiments else "Table" if self.tables else "Run"
        return f"{kind} {self.folders[0].name}"

    @property
    def subtitle(self) -> str:
        """Tasks, number of models, genotype and versions in one line."""
        words = []
        if tasks := list(dict.fromkeys(r.task for r in self.measured)):
            words.append("task " + ", ".join(tasks))
        if self.models:
            words.append(f"{len(self.models)} model{'s' if len(self.models) > 1 else ''} measured")
        shown = self.genotype or next((r.genotype for r in self.runs if r.genotype is not None), None)
        if shown is not None and shown.hash:
            words.append(f"genotype {shown.hash}")
        if versions := list(dict.fromkeys(r.jsnas for r in self.measured if r.jsnas)):
            words.append("jsnas " + ", ".join(versions))
        return " · ".join(words)


def collect_material(
    folders: Sequence[Path],
    rows: Sequence[EvaluationRow],
    genotype: Genotype | None,
    images: str | Path | Sequence[Picture] | Mapping[str, Mapping[str, Array | Path]] | None,
    published: Sequence[EvaluationRow],
    restore: bool = False,
) -> ReportMaterial:
    """Read folders, and add what was given besides. The arguments are those of ``write_report``.

    Args:
        folders: Folders of runs, experiments or tables.
        rows: Measured rows besides those of the folders; a row that is in both is taken once.
        genotype: Shown instead of that of the runs.
        images: Shown instead of those of the folders.
        published: Published rows of any task.
        restore: Where there are no pictures, restore sample photographs with the weights of the runs.

    Returns:
        The material, with the trainings that lie beside a search.

    Raises:
        NasError: A folder does not exist.
    """
    tables = [read_table(f) for f in folders if is_table_folder(f)]
    folders = [f for f in folders if not is_table_folder(f)]
    runs = with_retrainings([read_run(f) for f in folders if not is_experiment_folder(f)])
    experiments = [read_experiment(f) for f in folders if is_experiment_folder(f)]
    found: list[RunFolder | ExperimentFolder] = [*runs, *experiments]
    measured = list(dict.fromkeys([*(r for one in found for r in one.rows), *rows]))
    pictures = as_pictures(images)
    if not pictures:
        places = dict.fromkeys([*folders, *(r.folder for r in runs)])
        pictures = [p for f in places if (f / "images").is_dir() for p in as_pictures(f / "images")]
    problems = [p for one in (*found, *tables) for p in one.problems]
    if restore and not pictures:
        pictures = restored_pictures(runs, problems)
    everything = measured + related(measured, published)
    return ReportMaterial(runs, experiments, everything, genotype, pictures, tables, problems)
