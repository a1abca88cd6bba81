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
#: how a noisy input is stored -> keywords of the noise functions
NOISE_FORMS: dict[str, dict[str, bool]] = {
    "not clipped": {"clip": False, "truncate": False},
    "clipped": {"clip": True, "truncate": False},
    "clipped, truncated": {"clip": True, "truncate": True},
}


@dataclass(frozen=True)
class Task:
    """One restoration task.

    Its degradation has two parts, either of which may be None. The fixed part is a function of the whole image,
    computed once and kept; the random part is drawn anew for every training patch.

    Attributes:
        name: What users type.
        title: A line for lists.
        family: "sr", "denoise", "jpeg", "derain", "dehaze", "deblur" or "all_in_one".
        scale: Side of the target / side of the input.
        channels: Of the images that a network for this task sees: 1 (grey) or 3 (RGB).
        fixed_part: Clean image uint8 (H, W[, 3]) -> uint8, or float32 where a protocol judges the Y plane.
        random_part: (image, rng) -> uint8, or float32 on the scale 0..255, which it may leave. With ``noise`` it takes
            the keywords ``clip`` and ``truncate``, for haze ``depth``.
        noise: How noise is stored, one of NOISE_FORMS; "" for a task without noise.
        paired: Real pairs of degraded and clean images are wanted; the degradation is a synthetic stand-in.
        protocol: How restored and true image are compared.
        sets: Benchmark sets that are evaluated by default.
        stored: Name of the folder that may hold ready-made inputs beside HR ("LR_bicubic"); "" for none.
        cost_output: (height, width) of the output at which costs are counted.
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
        """Degrade a clean image.

        Args:
            clean: uint8 (H, W, 3) or (H, W), its sides multiples of ``scale``.
            rng: Source of the randomness; needed unless the task is ``fixed``.

        Returns:
            (H / scale, W / scale[, 3]), uint8, or float32 on the scale 0..255 when noise is added without clipping.

        Raises:
            UsageError: Wrong shape or type, or no ``rng``.
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
        """The same task with its noise stored in another form.

        Args:
            form: One of NOISE_FORMS.

        Raises:
            UsageError: The form is unknown, or the task adds no noise.
        """
        if not self.noise or self.random_part is None:
            raise UsageError(f"task {self.name!r} adds no noise, so there is nothing to clip")
        if form not in NOISE_FORMS:
            raise UsageError(f"unknown form {form!r} of noise; {did_you_mean(form, NOISE_FORMS)}")
        return replace(self, noise=form, random_part=partial(self.random_part, **NOISE_FORMS[form]))

    def check(self, clean: Array) -> None:
        """Raise a UsageError unless ``clean`` is an image that ``degrade`` takes."""
        if clean.dtype != np.uint8 or clean.ndim not in (2, 3) or 0 in clean.shape:
            raise UsageError(f"task {self.name!r} degrades uint8 images (H, W[, 3]), not {clean.dtype} {clean.shape}")
        if clean.shape[0] % self.scale or clean.shape[1] % self.scale:
            raise UsageError(
                f"task {self.name!r} needs sides that are multiples of {self.scale}, not "
                f"{clean.shape[0]} x {clean.shape[1]}; crop the image first"
            )


def get_task(task: str | Task) -> Task:
    """The task of that name, or the task itself.

    Raises:
        UsageError: The name is unknown; the message offers the nearest one.
    """
    if isinstance(task, Task):
        return task
    found = TASKS.get(task)
    assert isinstance(found, Task)
    return found
