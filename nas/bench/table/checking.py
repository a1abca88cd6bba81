"""Whether a table is what it says: complete, consistent, and repeatable."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nas.bench.table.costs import genotype_columns, genotype_row
from nas.bench.table.images import TableData
from nas.bench.table.making import one_thread, space_of_table
from nas.bench.table.plan import Training, all_genotypes, plan_trainings
from nas.bench.table.store import RunStore
from nas.bench.table.training import AT_MARKS, machine, train_once
from nas.errors import NasError
from nas.estimators.table_recipe import GENOTYPES, TableRecipe, read_recipe
from nas.progress import progress
from nas.space import Space

#: genotypes whose costs are counted anew
SAMPLE = 20
#: hex digits of a hash of weights
DIGITS = 16


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Attributes:
        name: What was checked.
        ok: Whether it holds.
        text: One sentence with the figures.
    """

    name: str
    ok: bool
    text: str


def check_table(
    folder: Path, *, data: Path | None = None, repeat: int = 0, partial: bool = False, seed: int = 0
) -> list[Finding]:
    """Check the table in a folder.

    Args:
        folder: Of the table.
        data: The folder of images; None leaves out what needs them.
        repeat: How many trainings are repeated; their weights must have the same hash, bit for bit.
        partial: Whether trainings may still be missing.
        seed: Of the choice of genotypes counted anew and of trainings repeated.

    Returns:
        What was found, check by check.

    Raises:
        UsageError: There is no table, or the images are not its own.
        NasError: A file has other columns than the recipe says.
    """
    recipe = read_recipe(folder)
    space = space_of_table(recipe)
    store = RunStore(folder, recipe)
    rows = store.rows()
    rng = np.random.default_rng(seed)
    findings = [
        _genotypes(folder, space),
        _costs(folder, space, recipe, rng),
        _gaps(space, recipe, rows, partial),
        _values(recipe, rows),
    ]
    if data is not None:
        images = TableData(recipe, data)
        images.require_same()
        findings.append(Finding("images", True, "the images under --data are those of the recipe"))
        if repeat:
            findings.append(_repeated(space, images, rows, repeat, rng))
    return findings


def _genotypes(folder: Path, space: Space) -> Finding:
    """Every genotype of the space stands in the file once, under its own hash and with its own blocks."""
    rows = _read(folder / GENOTYPES, genotype_columns(space))
    wanted = [
        (g.hash, *(d.choices[i] for d, i in zip(space.decisions, space.encode(g), strict=True)))
        for g in all_genotypes(space)
    ]
    found = [(row["genotype"], *(row[d.name] for d in space.decisions)) for row in rows]
    return Finding("genotypes", found == wanted, f"{len(found)} rows for the {len(wanted)} genotypes of the space")


def _costs(folder: Path, space: Space, recipe: TableRecipe, rng: np.random.Generator) -> Finding:
    """Costs of a sample are those of networks built now."""
    rows = {row["genotype"]: row for row in _read(folder / GENOTYPES, genotype_columns(space))}
    genotypes = all_genotypes(space)
    chosen = [genotypes[i] for i in rng.permutation(len(genotypes))[:SAMPLE]]
    wrong = [g.hash for g in chosen if rows.get(g.hash) != genotype_row(space, g, recipe)]
    text = f"costs of {len(chosen)} genotypes counted anew" + (f", {len(wrong)} differ: {wrong[0]}" if wrong else "")
    return Finding("costs", not wrong, text)


def _gaps(space: Space, recipe: TableRecipe, rows: list[dict[str, str]], partial: bool) -> Finding:
    """Every planned training has one row, and no other has any."""
    planned = {training.key for training in plan_trainings(space, recipe)}
    keys = [(row["genotype"], int(row["seed"])) for row in rows]
    missing, strange, twice = len(planned - set(keys)), len(set(keys) - planned), len(keys) - len(set(keys))
    text = f"{len(keys)} of {len(planned)} trainings, {missing} missing, {twice} twice, {strange} not planned"
    return Finding("trainings", not strange and not twice and (partial or not missing), text)


def _values(recipe: TableRecipe, rows: list[dict[str, str]]) -> Finding:
    """Every row has finite figures at all marks and a hash, unless its training diverged."""
    diverged, wrong = 0, []
    for row in rows:
        texts = [row[f"{what}_{mark}"] for mark in recipe.mark_names for what in AT_MARKS]
        if not row["weights"]:
            diverged += 1
        elif not _is_hash(row["weights"]) or not all(text and math.isfinite(float(text)) for text in texts):
            wrong.append(row["genotype"])
    text = f"{len(rows)} rows with {len(recipe.marks)} marks each, {diverged} diverged, {len(wrong)} incomplete"
    return Finding("figures", not wrong, text)


def _repeated(
    space: Space, images: TableData, rows: list[dict[str, str]], count: int, rng: np.random.Generator
) -> Finding:
    """Trainings that are repeated here have the weights of the table, bit for bit."""
    here = machine()
    alike = [row for row in rows if all(row[name] == value for name, value in here.items())]
    if not alike:
        return Finding("repeated", False, f"no row was made with torch {here['torch']} on {here['cpu']}")
    chosen = [alike[i] for i in sorted(rng.permutation(len(alike))[:count])]
    genotypes = {g.hash: g for g in all_genotypes(space)}
    same = 0
    with one_thread(), progress("repeat", len(chosen)) as bar:
        for row in chosen:
            found = train_once(Training(genotypes[row["genotype"]], int(row["seed"])), space, images)
            same += (found["weights"] or "") == row["weights"]
            bar.advance(detail=f"{same} alike")
    text = f"{same} of {len(chosen)} trainings repeated bit for bit (torch {here['torch']}, {here['cpu']})"
    return Finding("repeated", same == len(chosen), text)


def _read(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    if not path.is_file():
        raise NasError(f"{str(path)!r} is missing; begin the table again in another folder")
    with path.open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream)
        if tuple(reader.fieldnames or ()) != columns:
            raise NasError(f"{str(path)!r} has other columns than its space says; was one of them changed?")
        return list(reader)


def _is_hash(text: str) -> bool:
    return len(text) == DIGITS and all(c in "0123456789abcdef" for c in text)


def lines(findings: list[Finding]) -> Iterator[str]:
    """The findings as lines of text."""
    for finding in findings:
        yield f"{'ok    ' if finding.ok else 'FAILED'}  {finding.name}: {finding.text}"
