"""Evaluation rows from wherever they are, as one DataFrame."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from nas.errors import UsageError
from nas.evaluation.rows import EvaluationRow, EvaluationRows, read_rows

if TYPE_CHECKING:
    import pandas as pd

#: a row, a CSV file of rows, or a folder that holds a rows.csv
RowSource = EvaluationRow | str | Path


def frame(*sources: RowSource | Iterable[RowSource]) -> pd.DataFrame:
    """Collect evaluation rows in a DataFrame.

    Examples: ``nas.frame(rows)``, ``nas.frame("rows.csv", "runs/a")``, ``nas.frame(nas.load_published("sr_x2"))``.

    Args:
        sources: Rows, CSV files, folders that hold a ``rows.csv``, or lists of these.

    Returns:
        One line a row, one column a field of ``EvaluationRow``, typed as ``EvaluationRows.frame`` says.

    Raises:
        UsageError: A source is a folder without rows, or something else altogether.
        NasError: A file is not there or holds no evaluation rows.
    """
    return collect_rows(*sources).frame()


def collect_rows(*sources: RowSource | Iterable[RowSource]) -> EvaluationRows:
    """Collect evaluation rows in a list; see ``frame`` for the sources and the errors."""
    rows = EvaluationRows()
    for source in sources:
        if isinstance(source, EvaluationRow):
            rows.append(source)
        elif isinstance(source, str | Path):
            rows += read_rows(_table_of(Path(source)))
        elif isinstance(source, Iterable):
            rows += collect_rows(*source)
        else:
            raise UsageError(f"{source!r} contains no evaluation rows; give rows, CSV files or folders with a rows.csv")
    return rows


def _table_of(path: Path) -> Path:
    if not path.is_dir():
        return path
    if not (path / "rows.csv").is_file():
        raise UsageError(f"folder {str(path)!r} contains no rows.csv; make one with 'nas evaluate ... --out rows.csv'")
    return path / "rows.csv"
