"""The progressive schedule of DSRIR: larger patches in smaller batches, a learning rate per epoch.

Pure functions of the epoch (1-based), so that nothing needs saving.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from nas.errors import UsageError


@dataclass(frozen=True)
class Stage:
    """Patch side in pixels, images per batch, and how many updates the stage is meant to last."""

    patch: int
    batch: int
    updates: int


#: as published: 400,000 updates in all
STAGES = (
    Stage(128, 16, 128_000),
    Stage(160, 14, 112_000),
    Stage(192, 12, 96_000),
    Stage(256, 8, 64_000),
)


def epoch_chg(images: int, stages: Sequence[Stage] = STAGES, scale: float = 1.0) -> tuple[int, ...]:
    """The last epoch of every stage; the last of them is the number of epochs.

    A stage lasts floor(updates / (images / batch)) epochs. ``scale`` shortens (or lengthens) all stages.
    Raises UsageError where a stage is too short for one epoch.
    """
    if images < 1 or scale <= 0:
        raise UsageError(f"{images} images and scale {scale} make no schedule; both must be positive")
    boundaries, epoch = [], 0
    for stage in stages:
        epochs = math.floor(stage.updates * scale / (images / stage.batch))
        if epochs < 1:
            raise UsageError(
                f"{stage.updates * scale:g} updates are less than one epoch of {images} images at batch "
                f"{stage.batch}; enlarge the scale or use fewer images"
            )
        epoch += epochs
        boundaries.append(epoch)
    return tuple(boundaries)


def stage_of(epoch: int, boundaries: Sequence[int], stages: Sequence[Stage] = STAGES) -> Stage:
    """The stage of epoch ``epoch``; a change takes effect in the epoch after the boundary."""
    if not 1 <= epoch <= boundaries[-1]:
        raise UsageError(f"epoch {epoch} is outside of the schedule's 1..{boundaries[-1]}")
    return next(stage for stage, last in zip(stages, boundaries, strict=True) if epoch <= last)


def updates(images: int, boundaries: Sequence[int], stages: Sequence[Stage] = STAGES) -> tuple[int, ...]:
    """Updates really made in every stage, incomplete batches dropped."""
    starts = (0, *boundaries[:-1])
    return tuple(
        (last - first) * (images // stage.batch)
        for stage, first, last in zip(stages, starts, boundaries, strict=True)
    )


def epoch_learning_rate(
    epoch: int, epochs: int, base: float = 2e-4, minimum: float = 1e-6, warmup: int = 3
) -> float:
    """Rate of epoch ``epoch`` of ``epochs``: a linear rise over ``warmup`` epochs, then half a cosine.

    The closed form: epochs ``warmup`` and ``warmup + 1`` both run at ``base``, and the last epoch ends a
    little above ``minimum``.
    """
    if epoch <= warmup:
        return base * epoch / warmup
    share = (epoch - warmup - 1) / (epochs - warmup)
    return minimum + (base - minimum) * (1 + math.cos(math.pi * share)) / 2
