"""The images of a table: what trains, what is held out, and digests that name their content."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import nn

from nas.data import Pair, PatchSource, find_pairs, load_clean
from nas.data.pairs import Array
from nas.errors import UsageError
from nas.estimators.table_recipe import TableImages, TableRecipe
from nas.evaluation.inference import restore
from nas.evaluation.scoring import score_output, to_tensor
from nas.models.calling import descriptor_of
from nas.tasks import Task, get_task


@dataclass(frozen=True)
class HeldOut:
    """A square of an image that trains nothing.

    Attributes:
        name: Name of the image.
        degraded: (h, w, 3) uint8.
        target: (H, W, 3) uint8.
    """

    name: str
    degraded: Array
    target: Array


class TableData:
    """The images of a table in memory.

    Args:
        recipe: Of the table.
        data: The folder that holds the folders of ``recipe.images.train``.

    Attributes:
        task: What is trained for.
        pairs: The training images.
        validation: The squares that networks are validated on.

    Raises:
        UsageError: A folder is missing, holds too few images, or an image is smaller than the square.
    """

    def __init__(self, recipe: TableRecipe, data: Path) -> None:
        self.recipe, self.task = recipe, get_task(recipe.task)
        if self.task.fixed_part is None or self.task.random_part is not None:
            raise UsageError(f"task {self.task.name!r} draws random degradations; a table needs one that draws none")
        images = recipe.images
        found = {name: find_pairs(data / name, self.task) for name in images.train}
        held = _chosen(found[images.validation], images)
        names = {pair.name for pair in held}
        self.pairs: list[Pair] = [
            pair
            for folder, pairs in found.items()
            for pair in pairs
            if folder != images.validation or pair.name not in names
        ]
        self.validation = [_square(pair, self.task, images.crop) for pair in held]
        self._sources: dict[int, PatchSource] = {}

    def source(self, seed: int) -> PatchSource:
        """The training patches of a seed, the same for every genotype; images are read once."""
        if seed not in self._sources:
            recipe = self.recipe
            self._sources[seed] = PatchSource(self.pairs, self.task, recipe.patch, recipe.batch, seed, "table")
        return self._sources[seed]

    def scores(self, model: nn.Module) -> dict[str, float]:
        """Mean PSNR in dB and SSIM on the squares, by the protocol of the task."""
        channels = descriptor_of(model).channels
        found = [
            score_output(restore(model, to_tensor(image.degraded, channels)), image.target, self.task)[0]
            for image in self.validation
        ]
        return {
            "psnr": float(np.mean([score.psnr for score in found])),
            "ssim": float(np.mean([score.ssim for score in found if score.ssim is not None])),
        }

    def described(self) -> TableImages:
        """The settings of the images, with what was found: numbers, names and digests."""
        return self.recipe.images.model_copy(
            update={
                "training_images": len(self.pairs),
                "training_digest": content_digest((p.name, load_clean(p, self.task)[0]) for p in self.pairs),
                "validation_names": [image.name for image in self.validation],
                "validation_digest": content_digest((image.name, image.target) for image in self.validation),
            }
        )

    def require_same(self) -> None:
        """Compare the images with those that the recipe records.

        Raises:
            UsageError: They are not the same.
        """
        found, known = self.described(), self.recipe.images
        if (found.training_digest, found.validation_digest) != (known.training_digest, known.validation_digest):
            raise UsageError(
                f"the images under --data are not those of the table ({found.training_images} training images, "
                f"the table has {known.training_images}); give the folder that the table was begun with"
            )


def content_digest(images: Iterable[tuple[str, Array]]) -> str:
    """SHA-256 of names, shapes and pixel values, in the order of the names, as 64 hex digits.

    Args:
        images: Names and arrays.
    """
    digest = hashlib.sha256()
    for name, image in sorted(images, key=lambda item: item[0]):
        digest.update(f"{name} {image.shape} {image.dtype}\n".encode())
        digest.update(np.ascontiguousarray(image).tobytes())
    return digest.hexdigest()


def _chosen(pairs: list[Pair], images: TableImages) -> list[Pair]:
    """The pairs that are held out, in the order of their names."""
    if len(pairs) < images.held_out:
        raise UsageError(
            f"{images.validation!r} has {len(pairs)} images, fewer than the {images.held_out} to be held out; "
            "lower images.held_out"
        )
    ordered = sorted(pairs, key=lambda pair: pair.name)
    chosen = np.random.default_rng(images.split_seed).permutation(len(ordered))[: images.held_out]
    return [ordered[i] for i in sorted(chosen)]


def _square(pair: Pair, task: Task, side: int) -> HeldOut:
    """The middle of an image, degraded by itself."""
    clean, _ = load_clean(pair, task)
    height, width = clean.shape[:2]
    if min(height, width) < side or side % task.scale:
        raise UsageError(
            f"a square of {side} pixels cannot be cut from {str(pair.target)!r} ({width} x {height}) at scale "
            f"{task.scale}; change images.crop"
        )
    top, left = (height - side) // 2, (width - side) // 2
    target = np.ascontiguousarray(clean[top : top + side, left : left + side])
    assert task.fixed_part is not None  # refused before
    return HeldOut(pair.name, task.fixed_part(target), target)
