"""The table that an evaluation fills: which rows are finished, and where new ones go."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from nas.errors import UsageError
from nas.evaluation.benchmark_sets import BenchmarkSet
from nas.evaluation.options import EvaluationOptions
from nas.evaluation.rows import EvaluationRow, change_rows, measurement_key, read_rows
from nas.evaluation.saved_images import has_images


class RowTable:
    """Rows by the measurement they hold, kept in a CSV file where there is one.

    Args:
        path: The CSV file, which need not be there yet; None keeps rows in memory only.

    Raises:
        UsageError: The path is a folder, or lies in a file.
        NasError: The file holds something other than rows.
    """

    def __init__(self, path: str | Path | None) -> None:
        self.path = Path(path) if path is not None else None
        if self.path is not None and (self.path.is_dir() or self.path.parent.is_file()):
            raise UsageError(f"no table can be written to {str(self.path)!r}; give a file such as rows.csv")
        self._index(read_rows(self.path) if self.path is not None and self.path.exists() else ())

    def finished(self, row: EvaluationRow, one: BenchmarkSet, options: EvaluationOptions) -> EvaluationRow | None:
        """Look for a row that need not be measured again.

        Args:
            row: What is to be measured, without its results.
            one: The images it would be measured on.
            options: What the row must hold; with ``save_images`` its images must be there too.

        Returns:
            The row of the table for the same measurement of the same images, if it has all that is wanted, else None.
        """
        same = self._rows.get(measurement_key(row), ())
        # rows of earlier versions do not say which images they were measured on
        found = next((r for r in same if r.data in (row.data, "")), None)
        return found if found is not None and not options.again and _holds_all(found, one, options) else None

    def keep(self, row: EvaluationRow) -> None:
        """Put a row at the end of the table, in place of one of the same measurement; the file is written at once."""
        key = measurement_key(row)
        if self.path is None:
            self._rows[key] = [row]
            return
        self._index(change_rows(self.path, lambda rows: [r for r in rows if measurement_key(r) != key] + [row]))

    def _index(self, rows: Iterable[EvaluationRow]) -> None:
        self._rows: dict[tuple[object, ...], list[EvaluationRow]] = {}
        for row in rows:
            self._rows.setdefault(measurement_key(row), []).append(row)


def _holds_all(row: EvaluationRow, one: BenchmarkSet, options: EvaluationOptions) -> bool:
    """Whether a row holds all that the options ask for, and the images that are to be saved are there."""
    if options.with_costs and row.parameters is None:
        return False
    if options.with_latency:
        on_cpu = row.device.startswith("cpu"), options.device.startswith("cpu")
        if row.latency_median_ms is None or on_cpu[0] != on_cpu[1]:
            return False
    return options.save_images is None or has_images(options.save_images, row, one)
