"""A validation that is worse than no network at all, and the causes that can be seen from here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

import numpy as np
from torch import nn

from nas.config.training import TrainSettings
from nas.errors import NasError
from nas.evaluation.scoring import degraded_and_target
from nas.registry import BASELINES
from nas.tasks import Task
from nas.train.training_data import TrainingData

#: setting of a network -> the value by which the input is not added to its output, and one by which it is
SKIPS: dict[str, tuple[Any, str]] = {"image_residual": (False, "true"), "image_skip": ("none", "nearest")}
#: steps below which no network without an image skip has learnt to copy its input
FEW_STEPS = 1000
#: learning rates outside which Adam seldom trains a restoration network
LOW_RATE, HIGH_RATE = 5e-5, 5e-3
#: PSNR in dB between a stored input and what the task makes of the clean image, below which they are different things
ALIKE = 25.0


@dataclass(frozen=True)
class Doubts:
    """Compares validations with what the task scores without a network: bicubic enlargement, or the input itself.

    Attributes:
        data: Of the run.
        train: Its training.
        warmup: Steps at the beginning that are not judged.
        network: Settings of the network, among which the image skip is looked for.
        prefix: What stands before ``network.`` in the settings of the run.
    """

    data: TrainingData
    train: TrainSettings
    warmup: int
    network: Mapping[str, Any]
    prefix: str = ""

    @cached_property
    def reference(self) -> tuple[str, float] | None:
        """Name and PSNR in dB of the reference on the validation images; None where there is none."""
        settings = self.data.settings.model_copy(
            update={"train": self.train.model_copy(update={"metrics": [], "pictures": 0})}
        )
        data, model = replace(self.data, settings=settings, pictures={}), reference_model(self.data.task)
        if model is None:
            return None
        try:
            scores = data.validate(model[1])
        except NasError:  # the task is one that the reference does not serve
            return None
        return (model[0], scores["psnr"]) if "psnr" in scores else None

    def __call__(self, step: int, scores: Mapping[str, float], last: bool) -> dict[str, Any] | None:
        """What is to be said of a validation: of the first one after the warm-up, and of the last.

        Args:
            step: Steps done.
            scores: Of the validation.
            last: Whether the run is over.

        Returns:
            ``message``, ``psnr`` and ``reference``; None where there is nothing to say.
        """
        after = step - max(self.warmup, self.train.schedule.warmup)
        if after <= 0 or "psnr" not in scores or not (last or after <= self.train.validate_every):
            return None
        if self.reference is None or scores["psnr"] >= self.reference[1]:
            return None
        name, least = self.reference
        causes = self.causes(step) or ["nothing in the settings looks unusual; look at the training images"]
        message = f"validation gives {scores['psnr']:.2f} dB, below {name} ({least:.2f} dB): {'; '.join(causes)}"
        return {"message": message, "psnr": scores["psnr"], "reference": least}

    def causes(self, step: int) -> list[str]:
        """What may be the matter, as clauses."""
        found = []
        for name, (without, value) in SKIPS.items():
            if self.network.get(name) == without:
                mend = f"--set {self.prefix}network.{name}={value}"
                found.append(f"the network does not add its input to its output, which is slow to learn ({mend})")
        if step < FEW_STEPS:
            found.append(f"{step} steps are few (--steps)")
        rate = self.train.optimizer.lr
        if not LOW_RATE <= rate <= HIGH_RATE:
            found.append(f"the learning rate {rate:g} is {'low' if rate < LOW_RATE else 'high'} (--lr)")
        return found + self._foreign_inputs()

    def _foreign_inputs(self) -> list[str]:
        """Whether the stored inputs look like those that the task makes itself."""
        task = self.data.task
        stored = [pair for pair in self.data.parts["validation"] if pair.stored]
        if not stored or not task.fixed or task.paired:
            return []
        try:
            given = degraded_and_target(stored[0], task)[0]
            made = degraded_and_target(replace(stored[0], degraded=None, halves=""), task)[0]
        except NasError:
            return []
        if given.shape != made.shape:
            return []
        error = float(np.mean((given.astype(np.float64) - made.astype(np.float64)) ** 2))
        psnr = 10 * np.log10(255.0**2 / error) if error > 0 else np.inf
        return (
            [f"the stored inputs are not what task {task.name!r} makes ({psnr:.1f} dB between the two)"]
            if psnr < ALIKE
            else []
        )


def reference_model(task: Task) -> tuple[str, nn.Module] | None:
    """Name and module of the model without weights that serves a task; None where there is none."""
    for name in BASELINES.names():
        baseline = BASELINES.get(name)
        if baseline.trainable or not any(fnmatchcase(task.name, pattern) for pattern in baseline.tasks):
            continue
        model: nn.Module = baseline.create(**baseline.config_for_task(task.name))
        if getattr(getattr(model, "descriptor", None), "scale", task.scale) == task.scale:
            return name, model
    return None
