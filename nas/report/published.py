"""Published numbers, found through an entry point, so that the platform names no package of results."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from nas.evaluation.rows import EvaluationRow, EvaluationRows

if TYPE_CHECKING:
    import pandas as pd

ENTRY_POINT_GROUP = "nas.results"


def load_published(task: str | None = None, set: str | None = None) -> EvaluationRows:
    """Collect the numbers that papers report.

    Every installed distribution may add some by an entry point ``published`` in the group ``nas.results``, which names
    a callable ``(task, set) -> rows``.

    Args:
        task: Only rows of this task.
        set: Only rows of this benchmark set.

    Returns:
        Rows whose source begins with "published"; none where nothing is installed.
    """
    rows = EvaluationRows()
    for point in entry_points(group=ENTRY_POINT_GROUP, name="published"):
        rows += point.load()(task, set)
    return rows


def is_published(row: EvaluationRow) -> bool:
    """Whether the numbers of a row were copied from a paper and not measured here."""
    return row.source.startswith("published")


def published_mask(frame: pd.DataFrame) -> pd.Series[bool]:
    """For each line of a DataFrame of rows whether it is published."""
    return frame["source"].astype(str).str.startswith("published").astype(bool)


def one_per_model(rows: Iterable[EvaluationRow]) -> list[EvaluationRow]:
    """Drop repetitions of published models.

    Args:
        rows: Measured and published rows.

    Returns:
        All measured rows, and of a model that is published in several papers only those of the first paper, task by
        task.
    """
    first_source: dict[tuple[str, str], str] = {}
    kept = []
    for row in rows:
        if is_published(row) and first_source.setdefault((row.model, row.task), row.source) != row.source:
            continue
        kept.append(row)
    return kept
