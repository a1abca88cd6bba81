"""The rows of a table on disk: appended whole or not at all, by several processes at once."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nas.bench.table.plan import Training
from nas.bench.table.training import AT_MARKS
from nas.errors import NasError
from nas.estimators.table_recipe import RUNS, TableRecipe
from nas.files import locked, write_text

#: folder of the locks, which is not part of the table
CLAIMS = "claims"
#: decimals of the figures of a row, by the beginning of the column's name
DECIMALS = {"psnr": 5, "ssim": 6, "loss": 5, "cpu_seconds": 2}


class RunStore:
    """The file ``runs.csv`` of a table, one row for each finished training.

    A row is appended under a lock and the file replaced as a whole, so that a process may be killed at any moment. A
    training is claimed by a lock that ends with the process, so that several processes share the work and none has to
    clean up after another.

    Args:
        folder: Of the table.
        recipe: Of the table.
    """

    def __init__(self, folder: Path, recipe: TableRecipe) -> None:
        self.folder, self.recipe = folder, recipe
        self.file = folder / RUNS
        self._claims = folder / CLAIMS

    @property
    def columns(self) -> tuple[str, ...]:
        """The header of the file."""
        at_marks = [f"{what}_{mark}" for what in AT_MARKS for mark in self.recipe.mark_names]
        return ("genotype", "seed", *at_marks, "weights", "torch", "cpu", "version")

    def rows(self) -> list[dict[str, str]]:
        """All rows, as text by column.

        Raises:
            NasError: The file has other columns than the recipe says.
        """
        if not self.file.is_file():
            return []
        reader = csv.DictReader(io.StringIO(self.file.read_text(encoding="utf-8")))
        if tuple(reader.fieldnames or ()) != self.columns:
            raise NasError(f"{str(self.file)!r} has other columns than its recipe says; was one of them changed?")
        return list(reader)

    def done(self) -> set[tuple[str, int]]:
        """The finished trainings: hash of the genotype, and seed."""
        return {(row["genotype"], int(row["seed"])) for row in self.rows()}

    @contextmanager
    def claim(self, training: Training) -> Iterator[bool]:
        """Take a training for the time of the block.

        Yields:
            Whether it is to be done here: no other process holds it, and it is not finished.
        """
        from filelock import FileLock, Timeout

        self._make_claims()
        digest, seed = training.key
        lock = FileLock(self._claims / f"{digest}-{seed}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            yield False
            return
        try:
            yield training.key not in self.done()
        finally:
            lock.release()

    def running(self, trainings: Sequence[Training]) -> int:
        """How many of these trainings other processes hold at this moment."""
        from filelock import FileLock, Timeout

        count = 0
        for training in trainings:
            digest, seed = training.key
            path = self._claims / f"{digest}-{seed}.lock"
            if not path.is_file():
                continue
            lock = FileLock(path)
            try:
                lock.acquire(timeout=0)
                lock.release()
            except Timeout:
                count += 1
        return count

    def append(self, training: Training, found: dict[str, Any], facts: dict[str, str]) -> None:
        """Add the row of a finished training; one that is there already stays as it is."""
        digest, seed = training.key
        row = {"genotype": digest, "seed": str(seed), **{k: _text(k, v) for k, v in found.items()}, **facts}
        self._make_claims()
        with locked(self._claims / RUNS):
            if training.key in self.done():
                return
            before = self.file.read_text(encoding="utf-8") if self.file.is_file() else _line(self.columns)
            write_text(self.file, before + _line([row[name] for name in self.columns]), durable=True)

    def _make_claims(self) -> None:
        if not self._claims.is_dir():
            self._claims.mkdir(parents=True, exist_ok=True)
            write_text(self._claims / ".gitignore", "*\n")


def _text(column: str, value: Any) -> str:
    if value is None:
        return ""
    for start, decimals in DECIMALS.items():
        if column.startswith(start):
            return f"{value:.{decimals}f}"
    return str(value)


def _line(values: Sequence[str]) -> str:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerow(values)
    return stream.getvalue()
