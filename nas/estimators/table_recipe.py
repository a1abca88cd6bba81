"""The recipe of a tabular benchmark: which space is trained on what and how, in one document beside the table."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError

from nas.config.faults import sentence
from nas.config.merging import merged
from nas.config.reading import read_yaml
from nas.config.sections import Section
from nas.config.training import OptimizerSettings, ScheduleSettings, TrainSettings
from nas.errors import UsageError
from nas.files import write_text

#: the files of a table, in its folder
RECIPE, GENOTYPES, RUNS, LATENCY = "recipe.yaml", "genotypes.csv", "runs.csv", "latency.csv"


class TableImages(Section):
    """The images of a table.

    Attributes:
        train: Folders below the folder that ``--data`` names; their images train, except those held out.
        validation: The folder among them from which images are held out.
        held_out: How many images are held out for validation.
        crop: Side in pixels of the square in the middle of a held-out image that is restored and compared.
        split_seed: Seed of the choice of the images held out.
        training_images: How many images train; entered when a table is begun.
        training_digest: SHA-256 of the names and pixel values of the training images; entered when a table is begun.
        validation_names: Names of the images held out; entered when a table is begun.
        validation_digest: SHA-256 of their names and of the pixel values of their squares; entered likewise.
    """

    train: list[str] = Field(["T91", "BSDS"], min_length=1, description="folders below the folder of --data")
    validation: str = Field("BSDS", description="the folder among them from which images are held out")
    held_out: int = Field(20, gt=0, description="images held out for validation")
    crop: int = Field(160, gt=0, description="side of the square in the middle of a held-out image, in pixels")
    split_seed: int = Field(0, ge=0, description="seed of the choice of the images held out")
    training_images: int | None = Field(None, description="how many images train")
    training_digest: str | None = Field(None, description="SHA-256 of the training images")
    validation_names: list[str] = Field([], description="names of the images held out")
    validation_digest: str | None = Field(None, description="SHA-256 of the squares that are compared")


class TableRecipe(Section):
    """Everything that decides the figures of a table, apart from versions and processor.

    Attributes:
        format: Name of the format.
        name: Name of the table.
        space: Registered name of the space.
        space_hash: Hash of the space; entered when a table is begun.
        task: Name of the task.
        batch: Patches in a batch.
        patch: Side of the target patch in pixels.
        train: The training loop; ``steps`` among its settings.
        marks: Shares of the steps after which a network is validated, ascending; the last is 1.
        seeds: Seeds of the trainings. The first one trains every genotype.
        repeated: How many genotypes the other seeds train.
        strata: Groups of equal size by multiply-adds, from which the repeated genotypes come in equal numbers.
        order_seed: Seed of the order of the trainings.
        images: The images.
    """

    format: Literal["nas.table/1"] = Field("nas.table/1", description="name of the format")
    name: str = Field("jsnas-bench-sr", description="name of the table")
    space: str = Field("bench", description="registered name of the space, or path of its document")
    space_hash: str | None = Field(None, description="hash of the space")
    task: str = Field("sr_x2", description="name of the task")
    batch: int = Field(8, gt=0, description="patches in a batch")
    patch: int = Field(48, gt=0, description="side of the target patch in pixels")
    train: TrainSettings = TrainSettings(
        steps=1000, optimizer=OptimizerSettings(lr=2e-3), schedule=ScheduleSettings(warmup=60)
    )
    marks: list[float] = Field([0.1, 0.25, 0.5, 1.0], min_length=1, description="shares of the steps, the last is 1")
    seeds: list[int] = Field([0, 1, 2], min_length=1, description="seeds of the trainings")
    repeated: int = Field(150, ge=0, description="genotypes that the other seeds train too")
    strata: int = Field(15, gt=0, description="groups by multiply-adds")
    order_seed: int = Field(0, ge=0, description="seed of the order of the trainings")
    images: TableImages = TableImages()

    @property
    def mark_steps(self) -> tuple[int, ...]:
        """The steps after which a network is validated."""
        return tuple(max(round(share * self.train.steps), 1) for share in self.marks)

    @property
    def mark_names(self) -> tuple[str, ...]:
        """How columns name the marks: the share in percent, "10" for a tenth of the steps."""
        return tuple(f"{100 * share:g}" for share in self.marks)

    def checked(self) -> TableRecipe:
        """The same recipe.

        Raises:
            UsageError: Marks or seeds make no sense.
        """
        steps = self.mark_steps
        if self.marks[-1] != 1.0 or list(steps) != sorted(set(steps)) or min(self.marks) <= 0:
            raise UsageError(f"setting 'marks': {self.marks} must ascend to 1, each at a step of its own")
        if len(set(self.seeds)) != len(self.seeds):
            raise UsageError(f"setting 'seeds': {self.seeds} names a seed twice")
        if self.images.validation not in self.images.train:
            raise UsageError(
                f"setting 'images.validation': {self.images.validation!r} is none of the folders of images.train"
            )
        return self

    def save(self, folder: Path) -> Path:
        """Write the recipe into the folder of a table; returns its path."""
        tree: dict[str, Any] = self.model_dump(mode="json")
        return write_text(folder / RECIPE, yaml.safe_dump(tree, sort_keys=False, width=110))


def read_recipe(path: Path) -> TableRecipe:
    """The recipe in a YAML file, or in the folder of a table.

    Args:
        path: File or folder.

    Raises:
        UsageError: There is none, or a setting in it is wrong.
    """
    if path.is_dir() and not (path / RECIPE).is_file():
        raise UsageError(f"{str(path)!r} contains no table; begin one with 'nas bench table make --out {path}'")
    given = read_yaml(path / RECIPE if path.is_dir() else path)
    try:
        return TableRecipe.model_validate(merged(TableRecipe().model_dump(mode="json"), given)).checked()
    except ValidationError as error:
        raise UsageError(f"{str(path)!r}: {sentence(error, TableRecipe)}") from None
