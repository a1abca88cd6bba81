"""Scenes of a visual comparison: true, degraded and restored images, from files or from models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nas.errors import NasError, UsageError, did_you_mean
from nas.machine import AUTO, check_device
from nas.tasks import Task, get_task

Array = npt.NDArray[Any]
#: names under which the true and the degraded images lie beside the models' in a folder of images
TARGET, DEGRADED = "target", "degraded"


@dataclass
class Scene:
    """One picture of a set under a task; images are 8-bit, (H, W, 3) or (H, W).

    Attributes:
        task: The task.
        set: Name of the benchmark set.
        image: Name of the picture within the set.
        target: The true image.
        degraded: What the models were given.
        restored: For each model its output, in the order of the models.
    """

    task: Task
    set: str
    image: str
    target: Array
    degraded: Array
    restored: dict[str, Array] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Set and picture, as ``--picture`` takes them: "Set5/baby"."""
        return f"{self.set}/{self.image}"


def scenes_from_models(
    models: Sequence[Any],
    task: str | Task,
    sets: Sequence[str],
    data: str | Path | None = None,
    *,
    wanted: Sequence[str] = (),
    most: int = 3,
    device: str = AUTO,
    seed: int = 0,
) -> list[Scene]:
    """Restore pictures of benchmark sets.

    Args:
        models: As ``nas.evaluate`` takes them.
        task: The task or its name.
        sets: Names of benchmark sets.
        data: Folder that holds the sets.
        wanted: Names of pictures, "baby" or "Set5/baby"; without any, the first of each set in turn.
        most: How many pictures are taken where none is named.
        device: Where the models run; "auto" for the first of cuda, mps and cpu that is here.
        seed: Of the noise that is added to the pictures.

    Returns:
        The scenes.

    Raises:
        UsageError: There is no model, or no picture of a wanted name.
    """
    from nas.data import benchmark_set
    from nas.evaluation.inference import restore
    from nas.evaluation.resolve import resolve
    from nas.evaluation.scoring import degraded_and_target, to_image, to_tensor
    from nas.images import to_uint8
    from nas.models.calling import descriptor_of

    task = get_task(task)
    found = [resolve(spec, task, sets) for spec in models]
    if not found:
        raise UsageError("a visual comparison needs models; give weights files or names, or a folder with --images")
    pairs = [(name, pair) for name in sets for pair in benchmark_set(name, task, data)]
    scenes, device = [], check_device(device)
    for set_name, pair in _chosen(pairs, wanted, most):
        degraded, target = degraded_and_target(pair, task, seed)
        scene = Scene(task, set_name, pair.name, to_uint8(target), to_uint8(degraded))
        for candidate in found:
            tensor = to_tensor(degraded, descriptor_of(candidate.model).channels)
            scene.restored[candidate.name] = to_image(restore(candidate.model, tensor, device))
        scenes.append(fitted(scene))
    return scenes


def scenes_from_images(
    folder: str | Path,
    task: str | None = None,
    data: str | Path | None = None,
    *,
    wanted: Sequence[str] = (),
    order: Sequence[str] = (),
    most: int = 3,
    seed: int = 0,
) -> list[Scene]:
    """Scenes of a folder as ``nas evaluate --save-images`` writes it: <model>/<task>/<set>/<image>.png.

    Args:
        folder: The folder. True and degraded images are those of the models "target" and "degraded"; where these are
            absent, they are read from the benchmark sets.
        task: Name of a task; without it, the first that is found.
        data: Folder that contains the benchmark sets.
        wanted: Names of pictures, "baby" or "Set5/baby"; without any, the first of each set in turn.
        order: Names of models that come first.
        most: How many pictures are taken where none is named.
        seed: Of the noise that is added to pictures of benchmark sets.

    Returns:
        The scenes.

    Raises:
        UsageError: There are no images, no picture of a wanted name, or no true images.
        NasError: Images of a scene do not fit each other.
    """
    from nas.images import read_image

    root = Path(folder)
    files: dict[tuple[str, str, str], dict[str, Path]] = {}
    for path in sorted(root.rglob("[!.]*.png")):
        parts = path.relative_to(root).with_suffix("").parts
        if len(parts) == 4 and task in (None, parts[1]):
            files.setdefault((parts[1], parts[2], parts[3]), {})[parts[0]] = path
    if not files:
        raise UsageError(
            f"{str(root)!r} has no images of {task or 'any task'}; make some with "
            f"'nas evaluate ... --save-images {root}'"
        )
    first = next(iter(files))[0] if task is None else task
    entries = [(key[1], key) for key in files if key[0] == first]
    scenes = []
    for set_name, key in _chosen(entries, wanted, most):
        versions = files[key]
        names = sorted(versions, key=lambda n: (order.index(n) if n in order else len(order), n))
        restored = {n: read_image(versions[n]) for n in names if n not in (TARGET, DEGRADED)}
        if TARGET in versions and DEGRADED in versions:
            target, degraded = read_image(versions[TARGET]), read_image(versions[DEGRADED])
        else:
            target, degraded = _from_benchmark(get_task(key[0]), set_name, key[2], data, seed, root)
        scenes.append(fitted(Scene(get_task(key[0]), set_name, key[2], target, degraded, restored)))
    return scenes


def _from_benchmark(
    task: Task, set_name: str, image: str, data: str | Path | None, seed: int, root: Path
) -> tuple[Array, Array]:
    from nas.data import benchmark_set
    from nas.evaluation.scoring import degraded_and_target
    from nas.images import to_uint8

    if data is None and set_name != "sample":
        raise UsageError(
            f"{str(root)!r} lacks the true images of {set_name}; give their folder with --data, "
            "or run 'nas evaluate ... --save-images' again"
        )
    pair = next((p for p in benchmark_set(set_name, task, data) if p.name == image), None)
    if pair is None:
        raise NasError(f"there is no picture {image!r} in {set_name}; are these images of another version of the set?")
    degraded, target = degraded_and_target(pair, task, seed)
    return to_uint8(target), to_uint8(degraded)


def fitted(scene: Scene) -> Scene:
    """Make the images of a scene comparable: all of one size, grey where the true image is grey.

    Args:
        scene: Its images are replaced.

    Returns:
        ``scene``, its images cut at the right and the bottom to the smallest size.

    Raises:
        NasError: Sizes differ by more than rounding to a multiple of the scale explains.
    """
    from nas.evaluation import metrics

    sizes = [scene.target.shape[:2], *(i.shape[:2] for i in scene.restored.values())]
    height, width = min(s[0] for s in sizes), min(s[1] for s in sizes)
    surplus = max(max(s[0] for s in sizes) - height, max(s[1] for s in sizes) - width)
    if surplus >= max(scene.task.scale, 2):
        raise NasError(f"the images of {scene.name} have different sizes ({sorted(set(sizes))}); make them again")
    grey = scene.target.ndim == 2

    def same(image: Array) -> Array:
        image = image[:height, :width]
        return np.rint(metrics.grey(image, data_range=255)).astype(np.uint8) if grey and image.ndim == 3 else image

    scene.target = scene.target[:height, :width]
    scene.restored = {name: same(image) for name, image in scene.restored.items()}
    if grey and scene.degraded.ndim == 3:
        scene.degraded = np.rint(metrics.grey(scene.degraded, data_range=255)).astype(np.uint8)
    if scene.task.scale == 1:
        scene.degraded = scene.degraded[:height, :width]
    return scene


def _chosen(entries: Sequence[tuple[str, Any]], wanted: Sequence[str], most: int) -> list[tuple[str, Any]]:
    """Of entries (set, picture) those wanted, in that order; else the first of each set in turn, at most ``most``."""

    def name(entry: tuple[str, Any]) -> str:
        thing = entry[1]
        return str(thing[2] if isinstance(thing, tuple) else thing.name)

    if wanted:
        found = []
        for word in wanted:
            match = [e for e in entries if word in (name(e), f"{e[0]}/{name(e)}")]
            if not match:
                raise UsageError(f"there is no picture {word!r}; {did_you_mean(word, [name(e) for e in entries])}")
            found.append(match[0])
        return found
    by_set: dict[str, list[tuple[str, Any]]] = {}
    for entry in entries:
        by_set.setdefault(entry[0], []).append(entry)
    taken: list[tuple[str, Any]] = []
    turn = 0
    while len(taken) < min(most, len(entries)):
        taken += [members[turn] for members in by_set.values() if turn < len(members)]
        turn += 1
    return taken[:most]
