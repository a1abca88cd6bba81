"""A table that takes a second: a space of three genotypes, noise for images, four steps a training."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from nas.bench.table.making import begin_table
from nas.estimators.table_recipe import TableImages, TableRecipe
from nas.images.files import write_image
from nas.strategies.conformance import SPACE


def tiny_recipe(folder: Path, **changes: object) -> TableRecipe:
    """The recipe, its space document written into ``folder``."""
    space = folder / "tiny.yaml"
    space.write_text(SPACE, encoding="utf-8")
    usual = TableRecipe()
    recipe = usual.model_copy(
        update={
            "space": str(space),
            "batch": 1,
            "patch": 16,
            "train": usual.train.model_copy(update={"steps": 4}),
            "marks": [0.25, 0.5, 1.0],
            "seeds": [0, 1],
            "repeated": 2,
            "strata": 3,
            "images": TableImages(train=["small", "large"], validation="large", held_out=1, crop=32),
        }
    )
    return recipe.model_copy(update=changes).checked()


def tiny_images(folder: Path, seed: int = 0) -> Path:
    """Two small images and two large ones, in two folders below ``folder``."""
    rng = np.random.default_rng(seed)
    for name, side in (("small", 16), ("large", 32)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(2):
            image = rng.integers(0, 256, (side, side, 3), dtype=np.uint8)
            write_image(folder / name / f"{name}{number}.png", image)
    return folder


def tiny_table(folder: Path) -> tuple[Path, Path]:
    """A table without rows; returns its folder and that of its images."""
    images = tiny_images(folder / "images")
    begin_table(folder / "table", tiny_recipe(folder), images)
    return folder / "table", images


def copied(table: tuple[Path, Path], folder: Path) -> tuple[Path, Path]:
    """A copy of a table, and the same images."""
    return shutil.copytree(table[0], folder / "table"), table[1]
