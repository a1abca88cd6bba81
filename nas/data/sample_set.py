"""The sample set: photographs that come inside scikit-image, so that everything runs without a download.

Three parts that never share a picture. Small (about 3 megapixels in all): enough to see every step of the
platform work and models beat bicubic, not enough for results to be compared with papers.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

from nas.data.pairs import Pair
from nas.errors import NasError, UsageError
from nas.tasks.task import Task, get_task

#: part -> (colour photographs, grey photographs); drawings, scans and stereo partners are left out
PARTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "train": (
        ("hubble_deep_field.jpg", "ihc.png", "motorcycle_left.png", "rocket.jpg"),
        ("brick.png", "coins.png", "grass.png", "gravel.png"),
    ),
    "validation": (("chelsea.png",), ("moon.png",)),
    "test": (("astronaut.png", "coffee.png"), ("camera.png",)),
}


def sample_folder() -> Path:
    """Where scikit-image keeps its pictures, found without importing it; NasError when it is not installed."""
    spec = importlib.util.find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        raise NasError("the sample set needs scikit-image; install it with 'pip install scikit-image'")
    return Path(next(iter(spec.submodule_search_locations))) / "data"


def sample_pairs(part: str, task: str | Task) -> list[Pair]:
    """The pictures of one part that suit a task; degraded images are made at run time.

    Args:
        part: "train", "validation" or "test".
        task: What they are for. One-channel tasks take the grey pictures too, and the Y plane of colour ones.

    Returns:
        The pairs, sorted by file name.

    Raises:
        UsageError: The part is unknown.
        NasError: scikit-image, or one of its pictures, is missing.
    """
    task = get_task(task)
    if part not in PARTS:
        raise UsageError(f"unknown part {part!r} of the sample set; known: {', '.join(PARTS)}")
    colour, grey = PARTS[part]
    folder = sample_folder()
    files = [folder / n for n in (*colour, *(grey if task.channels == 1 else ()))]
    missing = [f.name for f in files if not f.is_file()]
    if missing:
        raise NasError(f"this scikit-image lacks {missing[0]!r} in {str(folder)!r}; install scikit-image 0.25 or newer")
    return [Pair(f.stem, f) for f in sorted(files)]
