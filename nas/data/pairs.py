"""A pair of images and how it is loaded for a task: crop, colour, and degradation where none is stored."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nas.errors import NasError, UsageError
from nas.images.files import read_image, to_luma, to_uint8
from nas.images.resize import modcrop
from nas.tasks.degradations import SYNTHETIC, kind_of, synthesise
from nas.tasks.task import CLIPPED, Task, get_task

Array = NDArray[Any]


@dataclass(frozen=True)
class Pair:
    """One image of a set, clean and degraded.

    Attributes:
        name: Unique within its set; used in tables and for the seed of its noise.
        target: File of the clean image, or of both halves side by side.
        degraded: File of the degraded one; None: the task's degradation makes it at run time.
        halves: Which half of ``target`` is the clean one, "left" or "right"; "" where it is a single image.
        degradation: "" for the task's own, or a name of ``nas.tasks.degradations.SYNTHETIC``: "noise", "sigma 25",
            "rain", "haze" (the kinds of the all-in-one mixture).
        depth: File of the depth map of ``target`` for made-up haze, 8 or 16 bits, 0 near; None: depth is estimated.
        source: The picture that a prepared piece was cut from, see ``nas.data.prepare``; "" for a picture of its own.
    """

    name: str
    target: Path
    degraded: Path | None = None
    halves: str = ""
    degradation: str = ""
    depth: Path | None = None
    source: str = ""

    @property
    def stored(self) -> bool:
        """Whether the degraded image is on disk."""
        return self.degraded is not None or bool(self.halves)

    def made_up(self, task: Task) -> bool:
        """Whether ``task`` wants a real degraded image and this pair has none; noise is never a stand-in."""
        return task.synthetic and not self.stored and kind_of(self.degradation) != "noise"


@dataclass(frozen=True)
class Sample:
    """A whole pair in memory.

    Attributes:
        name: Of the pair.
        degraded: (h, w[, 3]) uint8 or float32, 0..255.
        target: (H, W[, 3]) uint8.
        one_channel: The file was grey but the task works on RGB; both images are the grey one three times over, and
            metrics compare the grey values as they are.
        synthetic: The task wants real pairs and this input was made up.
    """

    name: str
    degraded: Array
    target: Array
    one_channel: bool = False
    synthetic: bool = False


def name_seed(text: str) -> int:
    """A number that depends on the text alone (Python's own hash changes from process to process)."""
    return zlib.crc32(text.encode("utf-8"))


def load_clean(pair: Pair, task: str | Task) -> tuple[Array, bool]:
    """The clean image of a pair as a task sees it.

    Grey tasks take the rounded Y plane of a colour image; colour tasks repeat a grey image three times.

    Returns:
        The image, uint8, its sides cut to multiples of the scale, and whether a grey one was repeated.

    Raises:
        NasError: The file cannot be read, or its halves are not equal.
        UsageError: It is smaller than one pixel of the input.
    """
    task = get_task(task)
    image = to_uint8(read_image(pair.target))
    if pair.halves:
        image = _half(image, pair, clean=True)
    image, repeated = _channels(image, task)
    image = modcrop(image, task.scale)
    if 0 in image.shape:
        raise UsageError(f"image {str(pair.target)!r} is smaller than one pixel at scale {task.scale}; remove it")
    return np.ascontiguousarray(image), repeated


def load_stored(pair: Pair, task: str | Task, target_shape: tuple[int, ...]) -> Array | None:
    """The degraded image of a pair on disk.

    Args:
        pair: The pair.
        task: What it is for.
        target_shape: Shape of the clean image as ``load_clean`` gives it.

    Returns:
        uint8 in the task's channels, or None where there is no such file.

    Raises:
        NasError: It cannot be read, or does not measure exactly target / scale.
    """
    task = get_task(task)
    if pair.halves:
        image = _half(to_uint8(read_image(pair.target)), pair, clean=False)
    elif pair.degraded is not None:
        image = to_uint8(read_image(pair.degraded))
    else:
        return None
    image, _ = _channels(image, task)
    wanted = (target_shape[0] // task.scale, target_shape[1] // task.scale)
    if image.shape[:2] != wanted:
        raise NasError(
            f"{str(pair.degraded or pair.target)!r} measures {image.shape[1]} x {image.shape[0]} but "
            f"its partner {str(pair.target)!r} asks for {wanted[1]} x {wanted[0]} at scale {task.scale}; "
            f"check that the two belong together"
        )
    return np.ascontiguousarray(image)


def load_depth(pair: Pair, target_shape: tuple[int, ...]) -> Array | None:
    """The depth map of a pair, cut like its clean image.

    Returns:
        (H, W) uint8 or uint16, or None where there is none.

    Raises:
        NasError: It cannot be read, or is smaller than the clean image.
    """
    if pair.depth is None:
        return None
    depth = read_image(pair.depth)
    depth = depth if depth.ndim == 2 else np.ascontiguousarray(depth[..., 0])
    height, width = target_shape[:2]
    if min(depth.shape[0] - height, depth.shape[1] - width) < 0:
        raise NasError(
            f"depth map {str(pair.depth)!r} measures {depth.shape[1]} x {depth.shape[0]}, its image "
            f"{str(pair.target)!r} {width} x {height}; give maps of the images' size"
        )
    return np.ascontiguousarray(depth[:height, :width])


def degrade(pair: Pair, task: Task, clean: Array, rng: np.random.Generator, depth: Array | None = None) -> Array:
    """Degrade an image as its pair asks: by the pair's own named degradation, or else by the task's.

    Args:
        pair: Which pair it is of.
        task: What it is for.
        clean: The clean image or a patch of it, uint8 (H, W[, 3]).
        rng: Source of the randomness.
        depth: (H, W) of exactly this image or patch, for haze; see ``nas.tasks.degradations.synthetic_haze``.

    Raises:
        UsageError: The pair names an unknown degradation, or the image is not one that the task takes.
    """
    if pair.degradation:
        if pair.degradation not in SYNTHETIC:
            known = ", ".join(SYNTHETIC)
            raise UsageError(f"unknown degradation {pair.degradation!r} of {pair.name!r}; known: {known}")
        truncate = task.noise.endswith("truncated")
        return synthesise(pair.degradation, clean, rng, depth, clip=task.noise != "not clipped", truncate=truncate)
    if depth is not None and task.random_part is not None and task.family in ("dehaze", "all_in_one"):
        task.check(clean)
        return task.random_part(clean, rng, depth=depth)
    return task.degrade(clean, rng)


def load_pair(pair: Pair, task: str | Task, seed: int = 0) -> Sample:
    """Both images of a pair, whole, for validation and evaluation.

    What the task draws depends on the seed, the task and the pair's name alone: not on the order of files, nor on
    workers.

    Raises:
        NasError: A file cannot be read, or the two do not fit together.
    """
    task = get_task(task)
    target, repeated = load_clean(pair, task)
    degraded = load_stored(pair, task, target.shape)
    if degraded is None:
        drawn = task.name.removesuffix(CLIPPED)  # both forms of a noise task see the same noise
        rng = np.random.default_rng([seed, name_seed(drawn), name_seed(pair.name)])
        depth = load_depth(pair, target.shape)
        if repeated:  # one plane is degraded and then repeated: three noises would average out in the comparison
            degraded = np.repeat(degrade(pair, task, target[..., 0], rng, depth)[..., None], 3, axis=2)
        else:
            degraded = degrade(pair, task, target, rng, depth)
    return Sample(pair.name, degraded, target, repeated, pair.made_up(task))


def load_pairs(pairs: Iterable[Pair], task: str | Task, seed: int = 0) -> Iterator[Sample]:
    """``load_pair`` over many, one image in memory at a time."""
    for pair in pairs:
        yield load_pair(pair, task, seed)


def is_synthetic(pairs: Iterable[Pair], task: str | Task) -> bool:
    """Whether any pair lacks the real degraded image that the task wants; say so beside any result."""
    chosen = get_task(task)
    return any(p.made_up(chosen) for p in pairs)


def _half(image: Array, pair: Pair, clean: bool) -> Array:
    width = image.shape[1]
    if width % 2:
        raise NasError(f"side-by-side image {str(pair.target)!r} has odd width {width}; its halves cannot be equal")
    left = (pair.halves == "left") == clean
    return image[:, : width // 2] if left else image[:, width // 2 :]


def _channels(image: Array, task: Task) -> tuple[Array, bool]:
    if task.channels == 1 and image.ndim == 3:
        return to_uint8(to_luma(image)), False
    if task.channels == 3 and image.ndim == 2:
        return np.repeat(image[..., None], 3, axis=2), True
    return image, False
