"""Training patches as a pure function of (seed, stream, step): no state, so nothing to lose on resume."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nas.data.cache import DiskCache, MappedPair
from nas.data.pairs import Pair, degrade, load_clean, load_depth, load_stored, name_seed
from nas.errors import UsageError
from nas.images.files import image_info
from nas.tasks.task import Task, get_task

if TYPE_CHECKING:
    import torch

Array = NDArray[Any]


class PatchSource:
    """Random pairs of patches from a set of images."""

    def __init__(
        self,
        pairs: Sequence[Pair],
        task: str | Task,
        patch: int,
        batch: int,
        seed: int = 0,
        stream: str = "train",
        augment: bool = True,
        cache: str | Path | None = None,
    ) -> None:
        """Read the headers of all images.

        Args:
            pairs: The images.
            task: What the patches are for.
            patch: Side of the target patch in pixels, a multiple of the task's scale.
            batch: Patches a batch.
            seed: Of all randomness.
            stream: Name of an independent sequence under the same seed ("weights", "architecture", ...).
            augment: Flip left-right, flip up-down and transpose, each with probability 1/2, both images alike.
            cache: Folder for memory-mapped copies of the decoded and degraded images; None: they are held in memory.

        Raises:
            UsageError: An image is smaller than the patch, or grey where the task works on colour (the message names
                it), or there are no images.
        """
        self.task = get_task(task)
        self.pairs = list(pairs)
        self.patch, self.batch_size, self.seed, self.stream, self.augment = (
            patch,
            batch,
            seed,
            stream,
            augment,
        )
        if patch < 1 or patch % self.task.scale:
            raise UsageError(
                f"patch {patch} must be a positive multiple of scale {self.task.scale} of {self.task.name!r}"
            )
        if batch < 1 or not self.pairs:
            raise UsageError(f"a batch of {batch} from {len(self.pairs)} images is empty; give at least one of each")
        self._key = name_seed(stream)
        self._cache = None if cache is None else DiskCache(Path(cache))
        self._held: dict[int, tuple[Array, Array | None]] = {}  # without a cache
        self._mapped: dict[int, MappedPair] = {}  # with one
        for file, pair in {p.target: p for p in self.pairs}.items():
            self._check(file, pair)

    def __len__(self) -> int:
        """The number of images."""
        return len(self.pairs)

    def batch(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The batch of one step, a function of the constructor's arguments and ``step`` alone.

        Images are drawn uniformly, with replacement.

        Returns:
            Degraded (N, C, patch / scale, patch / scale) and target (N, C, patch, patch), both float32, contiguous,
            on 0..255 (noise may leave that range).
        """
        import torch

        chosen, rng = self._chosen(step)
        drawn = [self._patch(int(index), rng) for index in chosen]
        degraded, target = (np.stack([_planar(pair[side]) for pair in drawn]) for side in (0, 1))
        return torch.from_numpy(degraded), torch.from_numpy(target)

    def names(self, step: int) -> list[str]:
        """The names of the images in the batch of one step, in its order."""
        return [self.pairs[int(index)].name for index in self._chosen(step)[0]]

    def _chosen(self, step: int) -> tuple[Array, np.random.Generator]:
        """Indices of the images of a step, and the generator that draws all else of the batch."""
        rng = np.random.default_rng([self.seed, self._key, step])
        return rng.integers(0, len(self.pairs), size=self.batch_size), rng

    def resized(self, patch: int, batch: int) -> PatchSource:
        """The same images and sequence in patches and batches of another size; images in memory are shared."""
        cache = None if self._cache is None else self._cache.folder
        other = PatchSource(self.pairs, self.task, patch, batch, self.seed, self.stream, self.augment, cache)
        other._held, other._mapped = self._held, self._mapped
        return other

    def images(self, index: int) -> tuple[Array, Array | None]:
        """An image of the set, read once and kept, or mapped from the cache.

        Returns:
            The clean image, uint8, and beside it the whole stored image or the task's fixed part (uint8), the depth
            map of a pair that has one, or None where the degradation begins with the clean image itself.
        """
        pair = self.pairs[index]
        if self._cache is not None:
            if index not in self._mapped:
                self._mapped[index] = self._cache.pair(pair, self.task, lambda: load_images(pair, self.task))
            return self._mapped[index].open()
        if index not in self._held:
            self._held[index] = load_images(pair, self.task)
        return self._held[index]

    def prepare(self) -> None:
        """Load every image now (before worker processes are forked, so that they share the memory)."""
        for index in range(len(self.pairs)):
            self.images(index)

    def _patch(self, index: int, rng: np.random.Generator) -> tuple[Array, Array]:
        pair, scale = self.pairs[index], self.task.scale
        clean, fixed = self.images(index)
        side = self.patch // scale
        top = int(rng.integers(0, clean.shape[0] // scale - side + 1))
        left = int(rng.integers(0, clean.shape[1] // scale - side + 1))
        flips = rng.integers(0, 2, size=3).astype(bool) & self.augment
        target = clean[top * scale : (top + side) * scale, left * scale : (left + side) * scale]
        degraded = target if fixed is None else fixed[top : top + side, left : left + side]
        if not pair.stored:
            if pair.depth is not None:
                degraded = degrade(pair, self.task, target, rng, depth=degraded)
            elif pair.degradation:
                degraded = degrade(pair, self.task, target, rng)
            elif self.task.random_part is not None:
                degraded = self.task.random_part(degraded, rng)
        return flip_and_transpose(degraded, flips), flip_and_transpose(target, flips)

    def _check(self, file: Path, pair: Pair) -> None:
        info = image_info(file)
        width = info.width // 2 if pair.halves else info.width
        scale = self.task.scale
        if min(info.height // scale, width // scale) * scale < self.patch:
            raise UsageError(
                f"image {str(file)!r} measures {width} x {info.height}, too small for patch {self.patch}; "
                f"remove it or choose a smaller patch"
            )
        if self.task.channels == 3 and info.channels == 1:
            raise UsageError(f"image {str(file)!r} is grey but task {self.task.name!r} trains on colour; remove it")


def load_images(pair: Pair, task: Task) -> tuple[Array, Array | None]:
    """Clean image and whole degraded one (or depth map), as ``PatchSource.images`` gives them."""
    clean, _ = load_clean(pair, task)
    stored = load_stored(pair, task, clean.shape)
    if stored is None and pair.depth is not None:
        return clean, load_depth(pair, clean.shape)
    if stored is None and task.fixed_part is not None and not pair.degradation:
        stored = task.fixed_part(clean)
    return clean, stored


def flip_and_transpose(image: Array, flips: Array) -> Array:
    """Augment an image (H, W[, C]).

    Args:
        image: The image.
        flips: Three booleans: flip left-right, flip up-down, transpose, in that order.

    Returns:
        A view.
    """
    if flips[0]:
        image = image[:, ::-1]
    if flips[1]:
        image = image[::-1]
    return image.swapaxes(0, 1) if flips[2] else image


def _planar(image: Array) -> Array:
    """(H, W) or (H, W, C) to float32 (C, H, W)."""
    planes = image[None] if image.ndim == 2 else image.transpose(2, 0, 1)
    return np.ascontiguousarray(planes, dtype=np.float32)
