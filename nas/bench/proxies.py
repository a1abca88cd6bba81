"""Zero-cost proxies of all registered estimators over every genotype of a table."""

from __future__ import annotations

import csv
from pathlib import Path

from nas.bench.table.costs import write_csv
from nas.bench.table.making import one_thread, space_of_table
from nas.bench.table.plan import all_genotypes
from nas.config.reading import build
from nas.config.runs import SearchSettings
from nas.engines.setup import SHARES
from nas.estimators.base import Estimator
from nas.estimators.table_recipe import TableRecipe, read_recipe
from nas.progress import progress
from nas.registry import ESTIMATORS
from nas.tasks import get_task
from nas.train.training_data import open_training_data

#: file of the scores in the folder of a table
PROXIES_FILE = "proxies.csv"


def proxies_of(recipe: TableRecipe, data: str | None = None) -> dict[str, Estimator]:
    """Every score of every registered estimator that trains nothing.

    Args:
        recipe: Of the table; space, task, batch and patch are its own.
        data: Folder of images; None for the sample photographs.

    Returns:
        Name of the score -> the estimator that computes it.
    """
    space, task = space_of_table(recipe), get_task(recipe.task)
    found: dict[str, Estimator] = {}
    for name in ESTIMATORS.names():
        kind = ESTIMATORS.get(name)
        if kind.quality != "score":
            continue
        for own in kind.variants():
            settings = build(
                SearchSettings,
                space=recipe.space,
                task=recipe.task,
                threads=1,
                data__batch=recipe.batch,
                data__patch=recipe.patch,
                data__path=None if data is None else [data],
                search__estimator=name,
                **{f"search__{key}": value for key, value in own.items()},
            )
            images = open_training_data(settings, task, SHARES)
            found[" ".join(map(str, own.values())) or name] = kind(settings, space, task, images)
    return found


def score_genotypes(folder: Path, data: str | None = None) -> Path:
    """Score every genotype of a table at initialisation, on one thread.

    Args:
        folder: Of the table; the file ``proxies.csv`` is written there, a row for each genotype.
        data: Folder of images whose first batch is scored; None for the sample photographs.

    Returns:
        The path of the file.
    """
    recipe = read_recipe(folder)
    estimators = proxies_of(recipe, data)
    genotypes = all_genotypes(space_of_table(recipe))
    rows = []
    with one_thread(), progress("proxies", len(genotypes)) as bar:
        for genotype in genotypes:
            scores = {name: f"{made(genotype, 0)['score']:.6g}" for name, made in estimators.items()}
            rows.append({"genotype": genotype.hash, **scores})
            bar.advance()
    return write_csv(folder / PROXIES_FILE, ("genotype", *estimators), rows)


def stored_scores(path: Path) -> dict[str, dict[str, float]]:
    """The scores in a file, by name and hash of the genotype."""
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    names = [name for name in (rows[0] if rows else ()) if name != "genotype"]
    return {name: {row["genotype"]: float(row[name]) for row in rows} for name in names}
