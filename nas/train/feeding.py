"""Settings to data: which images train what, the streams of batches, and validation on images held out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from nas.config import Settings
from nas.data import Pair, PatchSource, find_pairs, iterate_batches, sample_pairs, split_pairs
from nas.errors import UsageError
from nas.evaluate.harness import validate
from nas.tasks import Task

#: batches are endless for all practical purposes: the loop says when to stop
END = 2**40


def check_settings(settings: Settings, task: Task) -> None:
    """Refuse what could only fail later: a patch the scale does not divide, a device that is not there."""
    if settings.data.patch % task.scale:
        near = max(task.scale, round(settings.data.patch / task.scale) * task.scale)
        raise UsageError(
            f"data.patch {settings.data.patch} is not a multiple of the scale {task.scale} of {task.name}; take {near}"
        )
    if settings.device.startswith("cuda") and not torch.cuda.is_available():
        raise UsageError(
            f"device {settings.device!r} was asked for but this machine has no CUDA device; use --device cpu"
        )
    try:
        torch.device(settings.device)
    except RuntimeError:
        raise UsageError(f"unknown device {settings.device!r}; use cpu, cuda or cuda:N") from None


@dataclass(frozen=True)
class Feed:
    """Image pairs by the part they play, and how they are cut into batches."""

    settings: Settings
    task: Task
    parts: dict[str, list[Pair]]

    @property
    def names(self) -> dict[str, list[str]]:
        """Names of the images of each part: the record that no part leaks into another."""
        return {part: sorted(pair.name for pair in pairs) for part, pairs in self.parts.items()}

    def batches(self, part: str) -> Callable[[int], Iterator[tuple[Tensor, Tensor]]]:
        """First step -> endless batches of this part from that step on, a pure function of seed, part and step."""
        data = self.settings.data
        source = PatchSource(
            self.parts[part],
            self.task,
            patch=data.patch,
            batch=data.batch,
            seed=self.settings.seed,
            stream=part,
            augment=data.augment,
            cache=data.cache,
        )
        return partial(iterate_batches, source, end=END, workers=data.workers)

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Mean PSNR (dB, the task's protocol) on the held-out images; {} when none are held out."""
        pairs = self.parts["validation"]
        return {"psnr": validate(model, pairs, self.task)} if pairs else {}


def open_feed(settings: Settings, task: Task, shares: dict[str, float]) -> Feed:
    """Find the images of ``data.path`` (or the sample set) and split them, validation first, then by ``shares``.

    The split depends on ``data.split_seed`` alone. Raises UsageError when there are too few images.
    """
    data = settings.data
    found = sample_pairs("train", task) if not data.path else [p for path in data.path for p in find_pairs(path, task)]
    parts: dict[str, list[Pair]]
    if data.path:
        if len(found) < data.validation + len(shares):
            raise UsageError(
                f"{len(found)} images under {', '.join(data.path)} are too few for {data.validation} validation images "
                f"and the parts {', '.join(shares)}; add images or lower data.validation"
            )
        held, rest = _hold_out(found, data.validation, data.split_seed)
        parts = {**split_pairs(rest, data.split_seed, shares), "validation": held}
    else:
        parts = {
            **split_pairs(found, data.split_seed, shares),
            "validation": sample_pairs("validation", task)[: data.validation],
        }
    return Feed(settings, task, parts)


def _hold_out(pairs: list[Pair], count: int, seed: int) -> tuple[list[Pair], list[Pair]]:
    """``count`` images for validation and the rest for training; no split at all for a count of zero."""
    if count == 0:
        return [], pairs
    spare = max(len(pairs) - count - 1, 1)
    parts = split_pairs(pairs, seed, {"validation": max(count - 1, 1e-9), "training": spare})
    return parts["validation"], parts["training"]
