"""Settings of training images and patches."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from nas.config.sections import Section


class StageSettings(Section):
    """One phase of a progressive training.

    Attributes:
        steps: Steps of the phase, in proportion to those of the other phases.
        patch: Side of the target patch in pixels, a multiple of the task's scale.
        batch: Patches in a batch.
    """

    steps: int = Field(gt=0, description="steps of the phase, in proportion to the other phases")
    patch: int = Field(gt=0, description="side of the target patch in pixels")
    batch: int = Field(gt=0, description="patches in a batch")


class DataSettings(Section):
    """Where training images come from and how patches are cut from them.

    Attributes:
        path: Folders of training images; empty for the photographs that come with scikit-image.
        clean: Folders of clean images, in addition to ``path``: each belongs to the folder of ``degraded`` at its
            place, or holds clean images alone where there are none.
        degraded: Folders of degraded images, one for each of ``clean``; empty where all are made from the clean ones.
        skip_unfit: Whether images that cannot be used (without partner, too small, grey for a task in colour, damaged)
            are left out and counted; otherwise they end the run before it begins.
        patch: Side of the target patch in pixels, a multiple of the task's scale.
        batch: Patches in a batch.
        stages: Phases of a progressive training, in place of ``patch`` and ``batch``. Their steps are scaled so that
            they add up to ``train.steps``.
        whole_epochs: Whether every phase lasts whole epochs, rounded down, and incomplete batches are left out
            (``epoch_chg`` of DSRIR).
        augment: Whether patches are flipped and transposed at random.
        workers: Processes that load images; 0 loads them in the training process.
        validation: How many images are held out for validation.
        split_seed: Seed of the choice of those images, the same for all training seeds.
        cache: Folder of the memory-mapped cache of decoded images; None for no cache.
        clean_half: Which half of a side-by-side file is the clean image.
    """

    changeable: ClassVar[frozenset[str]] = frozenset(
        {"path", "clean", "degraded", "skip_unfit", "batch", "workers", "cache"}
    )
    path: list[str] = Field([], description="folders of training images; empty: the photographs in scikit-image")
    clean: list[str] = Field([], description="folders of clean images, whatever they are called")
    degraded: list[str] = Field([], description="folders of their degraded images, one for each of data.clean")
    skip_unfit: bool = Field(False, description="leave out images that cannot be used, and say how many")
    patch: int = Field(48, gt=0, description="side of the target patch in pixels, a multiple of the task's scale")
    batch: int = Field(8, gt=0, description="patches in a batch")
    stages: list[StageSettings] = Field([], description="phases of a progressive training, for patch and batch")
    whole_epochs: bool = Field(False, description="phases last whole epochs, without incomplete batches")
    augment: bool = Field(True, description="flip and transpose patches at random")
    workers: int = Field(0, ge=0, description="processes that load images; 0: the training process itself")
    validation: int = Field(4, ge=0, description="how many images are held out for validation")
    split_seed: int = Field(0, ge=0, description="seed that chooses those images, the same for all training seeds")
    cache: str | None = Field(None, description="folder of the memory-mapped cache of decoded images")
    clean_half: Literal["left", "right"] = Field("left", description="clean half of side-by-side files")
