"""What the folder of an experiment holds; a damaged part does not keep the others from being read."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nas.documents import parse_json, read_text
from nas.evaluation.rows import EvaluationRow, read_rows
from nas.files import resolved
from nas.report.run_folder import attempt

#: most values of a statistics.json, which holds every comparison of hundreds of runs
MOST_STATISTICS = 500_000


@dataclass
class ExperimentFolder:
    """The readable parts of an experiment; what is absent or damaged is empty.

    Attributes:
        folder: The folder.
        rows: Its evaluation rows.
        statistics: Content of its statistics.json, of any type.
        table: Its table.md.
        config: Its campaign.yaml.
        runs: Folders of the runs that have begun, by name.
        problems: A sentence for each damaged part.
    """

    folder: Path
    rows: list[EvaluationRow] = field(default_factory=list)
    statistics: Any = None
    table: str = ""
    config: str = ""
    runs: list[Path] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The name of the folder."""
        return resolved(self.folder).name


def is_experiment_folder(folder: Path) -> bool:
    """Whether a folder holds an experiment rather than a single run."""
    return (folder / "campaign.yaml").is_file()


def read_experiment(folder: Path) -> ExperimentFolder:
    """Read what there is in the folder of an experiment; damage is named in ``problems``."""
    found = ExperimentFolder(folder)
    if (folder / "rows.csv").is_file():
        found.rows = attempt("rows.csv", found.problems, lambda: read_rows(folder / "rows.csv")) or []
    if text := _text(folder / "statistics.json", found.problems):
        found.statistics = attempt(
            "statistics.json", found.problems, lambda: parse_json(text, "statistics.json", MOST_STATISTICS)
        )
    found.table, found.config = (_text(folder / name, found.problems) for name in ("table.md", "campaign.yaml"))
    found.runs = sorted(p.parent for p in folder.glob("*/config.yaml"))
    return found


def _text(path: Path, problems: list[str]) -> str:
    return (attempt(path.name, problems, lambda: read_text(path)) or "") if path.is_file() else ""
