"""What is being restored: degradation, scale, channels and the way results are compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nas.errors import UsageError, did_you_mean
from nas.registry import TASKS
from nas.tasks.protocol import Protocol

Array = NDArray[Any]

#: ends the name of a task whose noisy input is stored in 8 bits, the twin of the one without
CLIPPED = "_clipped"
#: how a noisy input is stored -> what the noise functions are told
NOISE_FORMS: dict[str, dict[str, bool]] = {
    "not clipped": {"clip": False, "truncate": False},
    "clipped": {"clip": True, "truncate": False},
    "clipped, truncated": {"clip": True, "truncate": True},
}


@dataclass(frozen=True)
class Task:
    """One restoration task.

    The degradation has two parts. ``fixed_part`` (clean uint8 (H, W[, 3]) -> uint8; float32 where a protocol
    judges the Y plane) is a function of the whole image and is computed once and kept; ``random_part`` (image,
    rng -> uint8, or float32 on the 0..255 scale that may leave it) is drawn anew for every training patch.
    Either may be None. A part whose task has ``noise`` takes the keywords ``clip`` and ``truncate``; one for
    haze takes ``depth``.

    scale: target side / input side
    channels: 1 (grey) or 3 (RGB) of the images a network for this task sees
    paired: real pairs of degraded and clean images are wanted; the degradation here is a synthetic stand-in
    noise: how noise is stored, one of NOISE_FORMS; "" for a task without noise
    stored: name stem of the folder that may hold ready-made inputs beside HR ("LR_bicubic")
    sets: benchmark sets evaluated by default; cost_output: (height, width) at which costs are counted
    family: "sr", "denoise", "jpeg", "derain", "dehaze" or "all_in_one"
    """

    name: str
    title: str
    family: str
    scale: int = 1
    channels: int = 3
    fixed_part: Callable[[Array], Array] | None = None
    random_part: Callable[..., Array] | None = None
    noise: str = ""
    paired: bool = False
    protocol: Protocol = field(default_factory=Protocol)
    sets: tuple[str, ...] = ()
    stored: str = ""
    cost_output: tuple[int, int] = (720, 1280)

    @property
    def fixed(self) -> bool:
        """Whether the degradation has no randomness, so that its result can be kept."""
        return self.random_part is None

    @property
    def synthetic(self) -> bool:
        """Whether ``degrade`` is only a stand-in for real pairs; results then must say "synthetic"."""
        return self.paired

    def degrade(self, clean: Array, rng: np.random.Generator | None = None) -> Array:
        """Degrade a clean uint8 image (H, W, 3) or (H, W) whose sides are multiples of ``scale``.

        Returns (H / scale, W / scale[, 3]), uint8, or float32 on the 0..255 scale when noise is added without
        clipping. ``rng`` is needed unless ``fixed``. Raises UsageError for a wrong shape or type.
        """
        self.check(clean)
        image = clean if self.fixed_part is None else self.fixed_part(clean)
        if self.random_part is None:
            return image
        if rng is None:
            raise UsageError(f"task {self.name!r} draws its degradation; pass a seeded numpy Generator")
        return self.random_part(image, rng)

    @property
    def degradation(self) -> Callable[[Array, np.random.Generator | None], Array]:
        """``degrade`` as a value to pass on."""
        return self.degrade

    def with_noise(self, form: str) -> Task:
        """The same task with its noise stored in that form; UsageError for a task without noise."""
        if not self.noise or self.random_part is None:
            raise UsageError(f"task {self.name!r} adds no noise, so there is nothing to clip")
        if form not in NOISE_FORMS:
            raise UsageError(f"unknown form {form!r} of noise; {did_you_mean(form, NOISE_FORMS)}")
        return replace(self, noise=form, random_part=partial(self.random_part, **NOISE_FORMS[form]))

    def check(self, clean: Array) -> None:
        """Raise UsageError unless ``clean`` is an image that ``degrade`` takes."""
        if clean.dtype != np.uint8 or clean.ndim not in (2, 3) or 0 in clean.shape:
            raise UsageError(f"task {self.name!r} degrades uint8 images (H, W[, 3]), not {clean.dtype} {clean.shape}")
        if clean.shape[0] % self.scale or clean.shape[1] % self.scale:
            raise UsageError(
                f"task {self.name!r} needs sides that are multiples of {self.scale}, not "
                f"{clean.shape[0]} x {clean.shape[1]}; crop the image first"
            )


def get_task(task: str | Task) -> Task:
    """The task of that name, or the task itself; an unknown name is a UsageError with the nearest one."""
    if isinstance(task, Task):
        return task
    found = TASKS.get(task)
    assert isinstance(found, Task)
    return found
