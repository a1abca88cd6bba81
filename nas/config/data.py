"""Settings of images and patches."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from nas.config.sections import Section


class StageSettings(Section):
    """A stretch of a progressive training: its share of the steps, and its patches and batches."""

    steps: int = Field(gt=0)
    patch: int = Field(gt=0)
    batch: int = Field(gt=0)


class DataSettings(Section):
    """Where images come from and how patches are cut.

    path: folders of training images; empty means the photographs inside scikit-image.
    patch: side of the target patch in pixels, a multiple of the task's scale.
    stages: progressive training; replaces patch and batch. Their steps are scaled to train.steps in all.
    whole_epochs: stages last whole epochs, rounded down, and incomplete batches do not count (DSRIR, ``epoch_chg``).
    validation: how many images are held out of training for validation.
    clean_half: which half of side-by-side files is the clean one.
    """

    path: list[str] = []
    patch: int = Field(48, gt=0)
    batch: int = Field(8, gt=0)
    stages: list[StageSettings] = []
    whole_epochs: bool = False
    augment: bool = True
    workers: int = Field(0, ge=0)
    validation: int = Field(4, ge=0)
    split_seed: int = Field(0, ge=0, description="which images are held out, the same for every training seed")
    cache: str | None = None
    clean_half: Literal["left", "right"] = "left"
