"""The figures of a tabular benchmark, read from its folder: costs of genotypes, and their trainings."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nas.errors import NasError, UsageError
from nas.estimators.table_recipe import GENOTYPES, LATENCY, RUNS, TableRecipe, read_recipe

#: costs of a genotype in the table, by the names of the objectives
COSTS = ("params", "macs")


@dataclass(frozen=True)
class StoredRun:
    """One training of a table that came to its end.

    Attributes:
        seed: Its seed.
        psnr: Validation PSNR in dB at each mark.
        cpu_seconds: CPU seconds since its start at each mark.
    """

    seed: int
    psnr: tuple[float, ...]
    cpu_seconds: tuple[float, ...]


@dataclass(frozen=True)
class StoredTable:
    """A table, complete or not.

    Attributes:
        recipe: How it was made.
        costs: Hash of every genotype of the space -> its costs by name; ``latency`` in milliseconds where measured.
        runs: Hash of every trained genotype -> its trainings, by ascending seed.
        diverged: Hashes of genotypes with trainings, all of which diverged.
    """

    recipe: TableRecipe
    costs: Mapping[str, Mapping[str, float]]
    runs: Mapping[str, tuple[StoredRun, ...]]
    diverged: frozenset[str] = frozenset()

    @classmethod
    def load(cls, folder: str | Path) -> StoredTable:
        """Read the table in a folder.

        Raises:
            UsageError: There is none.
            NasError: A file is missing or lacks a column.
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise UsageError(f"{str(folder)!r} is not the folder of a table; make one with 'nas bench table make'")
        recipe = read_recipe(folder)
        costs = {row["genotype"]: {n: float(row[n]) for n in COSTS} for row in _rows(folder / GENOTYPES)}
        if (folder / LATENCY).is_file():
            for row in _rows(folder / LATENCY):
                costs[row["genotype"]]["latency"] = float(row["latency_ms"])
        runs: dict[str, list[StoredRun]] = {}
        for row in _rows(folder / RUNS):
            found = runs.setdefault(row["genotype"], [])
            if row["weights"]:
                psnr, seconds = ([float(row[f"{w}_{m}"]) for m in recipe.mark_names] for w in ("psnr", "cpu_seconds"))
                found.append(StoredRun(int(row["seed"]), tuple(psnr), tuple(seconds)))
        ordered = {key: tuple(sorted(rows, key=lambda run: run.seed)) for key, rows in runs.items()}
        return cls(
            recipe,
            costs,
            {key: rows for key, rows in ordered.items() if rows},
            frozenset(key for key, rows in ordered.items() if not rows),
        )

    def of(self, digest: str) -> tuple[StoredRun, ...]:
        """The trainings of a genotype; () where all have diverged.

        Args:
            digest: Its hash.

        Raises:
            NasError: It has not been trained yet, or is not of the space.
        """
        if digest in self.runs:
            return self.runs[digest]
        if digest in self.diverged:
            return ()
        if digest in self.costs:
            raise NasError(
                f"genotype {digest} has no training in the table yet; continue with 'nas bench table resume'"
            )
        raise NasError(f"genotype {digest} is not of space {self.recipe.space!r}, of which the table was made")

    @cached_property
    def repeated(self) -> NDArray[np.float64]:
        """PSNR in dB of the genotypes trained with every seed, (genotypes, seeds, marks), seeds ascending."""
        seeds = sorted(self.recipe.seeds)
        whole = [runs for runs in self.runs.values() if [run.seed for run in runs] == seeds]
        found = [[run.psnr for run in runs] for runs in whole]
        return np.array(found, dtype=np.float64).reshape(len(whole), len(seeds), len(self.recipe.marks))

    @cached_property
    def seed_effects(self) -> Mapping[int, tuple[float, ...]]:
        """By how many dB the trainings of a seed are better than those of all seeds together, at each mark.

        All trainings of a seed see the same patches and move together. The effects are estimated on the genotypes that
        were trained with every seed, as seed means minus the mean of all; they are zero where there is none.
        """
        seeds, values = self.recipe.seeds, self.repeated
        if not len(values):
            return {seed: (0.0,) * len(self.recipe.marks) for seed in seeds}
        effects = values.mean(axis=0) - values.mean(axis=(0, 1))
        return {seed: tuple(map(float, effects[i])) for i, seed in enumerate(sorted(seeds))}

    def adjusted(self, run: StoredRun) -> tuple[float, ...]:
        """The PSNR of a training at each mark, without the effect of its seed."""
        return tuple(value - effect for value, effect in zip(run.psnr, self.seed_effects[run.seed], strict=True))

    def expected(self, digest: str) -> float | None:
        """The mean PSNR of a genotype at the last mark, without the effects of its seeds; None if it diverged."""
        found = [self.adjusted(run)[-1] for run in self.of(digest)]
        return float(np.mean(found)) if found else None


def _rows(path: Path) -> Iterator[dict[str, str]]:
    if not path.is_file():
        raise NasError(f"{str(path)!r} is missing; continue with 'nas bench table resume {path.parent}'")
    with path.open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream)
        try:
            yield from reader
        except csv.Error as error:
            raise NasError(f"{str(path)!r} is not a CSV file: {error}") from None
