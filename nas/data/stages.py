"""Progressive training as a pure function of the step: larger patches in smaller batches, whole epochs or not.

Nothing is counted while training, so nothing needs saving and a resumed run sees the same batches.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from nas.errors import UsageError


@dataclass(frozen=True)
class Stage:
    """A stage of progressive training as it was planned.

    Attributes:
        patch: Side of the target patches in pixels.
        batch: Images a batch.
        updates: How many steps it is meant to last, in proportion to the other stages.
    """

    patch: int
    batch: int
    updates: int


def last_epochs(images: int, stages: Sequence[Stage], scale: float = 1.0) -> tuple[int, ...]:
    """The last epoch of every stage, counted from 1, so that the last of them is the number of epochs.

    A stage lasts floor(updates / (images / batch)) epochs, the division exact (DSRIR's ``epoch_chg``); an epoch
    of fewer images than a batch counts as one update.

    Args:
        images: Number of training images.
        stages: The stages in order.
        scale: Shortens or lengthens all stages.

    Raises:
        UsageError: A stage is too short for one epoch, or there are no images.
    """
    if images < 1 or scale <= 0:
        raise UsageError(f"{images} images and scale {scale} make no schedule; both must be positive")
    boundaries, epoch = [], 0
    for stage in stages:
        wanted = stage.updates * scale
        epochs = math.floor(wanted / max(images / stage.batch, 1.0))
        if epochs < 1:
            raise UsageError(
                f"{wanted:g} updates are less than one epoch of {images} images at batch {stage.batch}; "
                "train for more steps, use fewer images, or set data.whole_epochs=false"
            )
        epoch += epochs
        boundaries.append(epoch)
    return tuple(boundaries)


@dataclass(frozen=True)
class Phase:
    """A stage as it is carried out: steps ``first`` to ``end`` - 1 of a training.

    Attributes:
        first: Its first step, counted from 0.
        end: One more than its last step.
        patch: Side of the target patches in pixels.
        batch: Images a batch.
        first_epoch: Its first epoch, counted from 0 over the whole training.
        epoch_steps: Steps of an epoch.
    """

    first: int
    end: int
    patch: int
    batch: int
    first_epoch: int
    epoch_steps: int

    @property
    def end_epoch(self) -> int:
        """One more than the last epoch, which may be cut short."""
        return self.first_epoch + math.ceil((self.end - self.first) / self.epoch_steps)


@dataclass(frozen=True)
class Timeline:
    """The course of a training.

    Attributes:
        phases: Its phases, in order and without gaps.
    """

    phases: tuple[Phase, ...]

    @property
    def steps(self) -> int:
        """Steps of the whole training."""
        return self.phases[-1].end

    @property
    def epochs(self) -> int:
        """Epochs of the whole training."""
        return self.phases[-1].end_epoch

    def at(self, step: int) -> Phase:
        """The phase of step ``step``; beyond the end the last one."""
        return self.phases[min(bisect_right([s.end for s in self.phases], step), len(self.phases) - 1)]

    def epoch(self, step: int) -> int:
        """The epoch of step ``step``, both counted from 0."""
        phase = self.at(step)
        return phase.first_epoch + (step - phase.first) // phase.epoch_steps


def timeline(images: int, steps: int, stages: Sequence[Stage], whole_epochs: bool = False) -> Timeline:
    """The course of a progressive training.

    Args:
        images: Number of training images.
        steps: Steps in all, to which the stages are scaled.
        stages: The stages in order.
        whole_epochs: Every stage lasts the whole epochs of ``last_epochs``, each of ``images // batch`` steps, so
            that the training is somewhat shorter than ``steps`` (DSRIR: 397,325 of 400,000).

    Raises:
        UsageError: A stage is too short for one epoch (``whole_epochs``).
    """
    total = sum(stage.updates for stage in stages)
    sizes = [max(1, images // stage.batch) for stage in stages]
    if whole_epochs:
        ends = last_epochs(images, stages, steps / total) if steps else (0,) * len(stages)
        lengths = [(end - first) * size for first, end, size in zip((0, *ends), ends, sizes, strict=False)]
    else:
        shares = [round(sum(s.updates for s in stages[: i + 1]) * steps / total) for i in range(len(stages))]
        lengths = [end - first for first, end in zip((0, *shares), shares, strict=False)]
    found: list[Phase] = []
    first = epoch = 0
    for stage, length, size in zip(stages, lengths, sizes, strict=True):
        found.append(Phase(first, first + length, stage.patch, stage.batch, epoch, size))
        first, epoch = found[-1].end, found[-1].end_epoch
    return Timeline(tuple(found))
