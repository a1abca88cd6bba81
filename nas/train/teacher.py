"""Distillation: a network learns the outputs of a trained one beside the targets (Hinton et al., 2015).

The loss becomes ``train.loss`` against the target plus ``train.teacher_weight`` times ``train.teacher_loss`` against
the output of ``train.teacher``, which is frozen and runs in its optimised form.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nas.config.runs import Settings
from nas.config.training import TrainSettings
from nas.errors import UsageError
from nas.evaluation.inference import pad_to
from nas.evaluation.resolve import resolve
from nas.models.baseline import Criterion
from nas.models.calling import descriptor_of, final_image
from nas.models.optimizing import optimize
from nas.tasks import Task
from nas.train.losses import LossSum
from nas.train.precision import autocast


class Teacher:
    """A trained network whose outputs are learnt.

    Attributes:
        name: What it is, with the hash of its weights, for the weights file.
        loss: Loss between the outputs of the two.
        weight: Its weight.
    """

    def __init__(self, model: nn.Module, name: str, train: TrainSettings, device: str) -> None:
        """Freeze the model, in its form for inference.

        Args:
            model: The network, with a descriptor; it is given away.
            name: What it is, for the weights file.
            train: Number type, weight and loss.
            device: Where it runs.
        """
        self.name, self.weight, self.loss = name, train.teacher_weight, LossSum(train.teacher_loss)
        reduced = train.bf16 or train.fp16  # autocast chooses types layer by layer, which fused layers do not have
        self._model = (model if reduced else optimize(model)).to(device).eval().requires_grad_(False)
        self._train, self._device = train, device

    @torch.no_grad()
    def __call__(self, degraded: Tensor) -> Tensor:
        """The restored images, float32 on 0..255.

        Args:
            degraded: (N, C, H, W) on 0..255, on the device of the teacher.
        """
        d = descriptor_of(self._model)
        height, width = degraded.shape[-2:]
        padded = pad_to(degraded * (d.value_range / 255.0), d.size_multiple, d.min_size)
        with autocast(self._device, self._train):
            output = final_image(self._model(padded))
        return output[..., : height * d.scale, : width * d.scale].float() * (255.0 / d.value_range)

    def distance(self, restored: Tensor, degraded: Tensor) -> Tensor:
        """The weighted loss between restored images and the teacher's.

        Args:
            restored: Of the network that learns, float32 on 0..255, with gradient.
            degraded: Its input on 0..255.
        """
        return self.weight * self.loss(restored, self(degraded))


class TaughtCriterion:
    """The loss of a training, and beside it that between the outputs of network and teacher."""

    def __init__(self, criterion: Criterion, teacher: Teacher, value_range: float) -> None:
        self._criterion, self.teacher, self._scale = criterion, teacher, 255.0 / value_range

    @property
    def identity(self) -> str:
        """What is measured, in words."""
        return f"{self._criterion.identity}, and {self.teacher.weight:g} {self.teacher.loss.identity} to the teacher"

    def __call__(self, outputs: Any, degraded: Tensor, target: Tensor, step: int) -> tuple[Tensor, dict[str, float]]:
        """The loss of one batch and its terms; see ``nas.models.baseline.Criterion``."""
        loss, parts = self._criterion(outputs, degraded, target, step)
        distance = self.teacher.distance(final_image(outputs).float() * self._scale, degraded * self._scale)
        return loss + distance, {**parts, "teacher": float(distance.detach())}


def teacher_of(settings: Settings, task: Task) -> Teacher | None:
    """The teacher that the settings name; None without one.

    Raises:
        UsageError: There is no such file, or its network does not do the task.
    """
    named = settings.train.teacher
    if named is None:
        return None
    if not Path(named).exists():
        raise UsageError(f"teacher {named!r} does not exist; give a .safetensors file or the folder of a training")
    found = resolve(Path(named), task, [])
    digest = found.weights.rpartition("#")[2]
    return Teacher(found.model, f"{found.name}#{digest}", settings.train, settings.device)


def taught(criterion: Criterion, teacher: Teacher | None, value_range: float) -> Criterion:
    """The criterion with the teacher's part; itself where there is no teacher.

    Args:
        criterion: The loss against the targets.
        teacher: The teacher.
        value_range: Peak value of the network that learns.
    """
    return criterion if teacher is None else TaughtCriterion(criterion, teacher, value_range)
