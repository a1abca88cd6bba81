"""From settings to data: which images train what, streams of batches, and validation on images held out."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property

from torch import Tensor, nn

from nas.config.runs import SearchSettings, Settings
from nas.data import Pair, PatchSource, iterate_batches, judge, sample_pairs, split_pairs
from nas.data.source import sources
from nas.data.stages import Phase, Stage, Timeline, timeline
from nas.data.verdict import Verdict, require_patch
from nas.errors import UsageError, did_you_mean
from nas.evaluation.further_metrics import check_metrics
from nas.evaluation.scoring import validation_scores
from nas.evaluation.tiles import ValidationTiles
from nas.machine import check_device
from nas.tasks import Task
from nas.train import distributed
from nas.train.losses import LossSum
from nas.train.pictures import Picture, panel
from nas.train.precision import check_precision
from nas.train.recorded import recorded_images
from nas.train.recorded_images import Found, ImageRecord, find_recorded, record_images
from nas.train.run import Run

log = logging.getLogger(__name__)

#: batches are endless for all practical purposes: the loop says when to stop
END = 2**40


def check_settings(settings: Settings, task: Task) -> None:
    """Refuse what could only fail later.

    Raises:
        UsageError: The scale does not divide a patch, stages or epochs in a search, a loss or metric that is not
            registered, two number types at once, or a device that is not there.
    """
    for patch in [stage.patch for stage in settings.data.stages] or [settings.data.patch]:
        if patch % task.scale:
            near = max(task.scale, round(patch / task.scale) * task.scale)
            raise UsageError(
                f"data.patch {patch} is not a multiple of the scale {task.scale} of {task.name}; take {near}"
            )
    if isinstance(settings, SearchSettings) and (settings.data.stages or settings.train.schedule.unit == "epoch"):
        raise UsageError("data.stages and train.schedule.unit=epoch are for 'nas retrain'; a search has steps alone")
    _check_training(settings)
    check_device(settings.device)
    distributed.claim_device(settings.device)


def _check_training(settings: Settings) -> None:
    train = settings.train
    check_precision(train)
    check_metrics(train.metrics)
    if isinstance(settings, SearchSettings):  # the loss of a network may be its own
        LossSum(train.loss)
    values = ("psnr", *train.metrics)
    if train.monitor not in values and not train.monitor.startswith("psnr_"):
        raise UsageError(
            f"train.monitor {train.monitor!r} is not measured; {did_you_mean(train.monitor, values)}, or name a metric "
            "in train.metrics"
        )
    if train.patience is not None and settings.data.validation == 0:
        raise UsageError("train.patience counts validations, of which there are none; set data.validation above 0")


@dataclass(frozen=True)
class TrainingData:
    """The images of a run by what they are for, and how they are cut into batches.

    Attributes:
        settings: Of the run.
        task: What is trained for.
        parts: Name of a part ("weights", "architecture", "validation") -> its pairs.
        pictures: Name of an image -> what the last validation made of it, see ``nas.train.pictures.panel``; of the
            first ``train.pictures`` images, on rank 0.
    """

    settings: Settings
    task: Task
    parts: dict[str, list[Pair]]
    pictures: dict[str, Picture] = field(default_factory=dict)

    @cached_property
    def _tiles(self) -> ValidationTiles:
        return ValidationTiles(self.parts["validation"], self.task)

    @property
    def names(self) -> dict[str, list[str]]:
        """Names of the images of each part, sorted: the record that no part leaks into another."""
        return {part: sorted(pair.name for pair in pairs) for part, pairs in self.parts.items()}

    def timeline(self, part: str) -> Timeline:
        """Patch, batch and epoch of every step of the training on a part; a batch is all that a step sees."""
        return _timeline(self.settings, len(self.parts[part]))

    def batches(self, part: str) -> BatchStream:
        """The stream of batches of a part, a pure function of seed, part and step.

        Of several ranks each draws the whole batch, as one process with a batch so much larger would, and keeps its
        slice. Drawing costs little beside a step; ``data.workers`` takes it off the step altogether.

        Returns:
            The stream.

        Raises:
            UsageError: An image is too small for a patch, or grey where the task works on colour.
        """
        data = self.settings.data
        source = PatchSource(
            self.parts[part],
            self.task,
            patch=data.stages[0].patch if data.stages else data.patch,
            batch=(data.stages[0].batch if data.stages else data.batch) * _batches_a_step(self.settings),
            seed=self.settings.seed,
            stream=part,
            augment=data.augment,
            cache=data.cache,
        )
        if not data.stages:
            return BatchStream([(Phase(0, END, source.patch, source.batch_size, 0, 1), source)], data.workers)
        phases = [s for s in self.timeline(part).phases if s.end > s.first]
        # an image too small is found here
        return BatchStream([(s, source.resized(s.patch, s.batch)) for s in phases], data.workers)

    def validate(self, model: nn.Module) -> dict[str, float]:
        """Measure a network on the images held out; of several ranks, rank 0 does and tells the others.

        Returns:
            ``psnr``, the mean in dB by the task's protocol, of the all-in-one task also one for each degradation (see
            ``nas.evaluation.scoring.validation_scores``), and the metrics of ``train.metrics``; {} when no images are
            held out.
        """
        pairs, train = self.parts["validation"], self.settings.train
        if not pairs:
            return {}
        shown = {pair.name for pair in pairs[: train.pictures]}

        def see(pair: Pair, degraded: Picture, restored: Picture, target: Picture) -> None:
            if pair.name in shown:
                self.pictures[pair.name] = panel(degraded, restored, target)

        def measure(tile: int | None) -> dict[str, float]:
            return validation_scores(model, pairs, self.task, tile=tile, further=train.metrics, see=see)

        scores: dict[str, float] = distributed.lead(lambda: self._tiles(model, measure))
        return scores


def _batches_a_step(settings: Settings) -> int:
    """How many batches of ``data.batch`` a step consists of: those that are accumulated, of all ranks."""
    return distributed.ranks() * settings.train.accumulate


def _timeline(settings: Settings, images: int) -> Timeline:
    data, steps, times = settings.data, settings.train.steps, _batches_a_step(settings)
    stages = [Stage(s.patch, s.batch * times, s.steps) for s in data.stages]
    stages = stages or [Stage(data.patch, data.batch * times, max(steps, 1))]
    return timeline(images, steps, stages, data.whole_epochs and bool(data.stages))


@dataclass(frozen=True)
class BatchStream:
    """The batches of a training, each phase in its own size; the last phase goes on for ever.

    Attributes:
        phases: The phases, and where each takes its patches from.
        workers: Processes that make batches beforehand.
    """

    phases: list[tuple[Phase, PatchSource]]
    workers: int = 0

    def __call__(self, start: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Endless (degraded, target) from step ``start`` on, of several ranks this one's slice of each."""
        found = self._batches(start)
        return found if distributed.ranks() == 1 else distributed.mine(found)

    def images(self, step: int) -> list[str]:
        """Names of the images in the batch of ``step``, that of all ranks."""
        source = next((s for phase, s in self.phases if step < phase.end), self.phases[-1][1])
        return source.names(step)

    def _batches(self, start: int) -> Iterator[tuple[Tensor, Tensor]]:
        for phase, source in self.phases:
            end = END if phase is self.phases[-1][0] else phase.end
            if start < end:
                yield from iterate_batches(source, start=max(start, phase.first), end=end, workers=self.workers)


def find_images(settings: Settings, task: Task) -> list[Pair]:
    """All images of ``data.path``, or of the sample set (its validation part included).

    Raises:
        UsageError: There are none.
    """
    data = settings.data
    if not (data.path or data.clean or data.degraded):
        return [*sample_pairs("train", task), *sample_pairs("validation", task)]
    return _judged(settings, task).usable(skip_unfit=True)  # what is not in the record does not matter


def find_split(
    settings: Settings, task: Task, shares: Mapping[str, float], recorded: Mapping[str, Sequence[ImageRecord]]
) -> Found:
    """The images of a recorded split as they are found now.

    Args:
        settings: Of the run.
        task: What is trained for.
        shares: Name of each part but the validation -> its relative size.
        recorded: The record of the run.

    Raises:
        UsageError: There are no images.
    """
    if not any(image.files for images in recorded.values() for image in images):  # names of an earlier version
        with suppress(UsageError):  # too few are there now
            fresh = open_training_data(settings, task, shares)
            if fresh.names == {part: [image.name for image in images] for part, images in recorded.items()}:
                return Found(fresh.parts, record_images(fresh.parts), [], [], [], [])
    found = find_recorded(find_images(settings, task), recorded)
    own = settings.data.path or settings.data.clean
    return found if own else replace(found, added=[])  # the sample set is used in part


def open_training_data(
    settings: Settings, task: Task, shares: Mapping[str, float], run: Run | None = None
) -> TrainingData:
    """Find the images of ``data.path`` (or the sample set) and split them, validation first.

    The split depends on ``data.split_seed`` alone; of a run that goes on it is the recorded one.

    Args:
        settings: Of the run.
        task: What is trained for.
        shares: Name of each other part -> its relative size.
        run: A run that goes on; None for one that begins.

    Raises:
        UsageError: There are too few images, or none, or a recorded one is missing.
    """
    recorded = recorded_images(run.folder) if run is not None else None
    if recorded is not None:
        again = find_split(settings, task, shares, recorded)
        if again.missing:
            raise UsageError(f"of the recorded split, {'; '.join(again.differences())}; name their folder by --data")
        return TrainingData(settings, task, again.parts)
    data = settings.data
    given = [*data.path, *data.clean]
    found = _own_images(settings, task) if given or data.degraded else sample_pairs("train", task)
    parts: dict[str, list[Pair]]
    if given:
        if len(found) < data.validation + len(shares):
            raise UsageError(
                f"{len(found)} images under {', '.join(given)} are too few for {data.validation} validation images "
                f"and the parts {', '.join(shares)}; add images or lower data.validation"
            )
        held, rest = _hold_out(found, data.validation, data.split_seed)
        parts = {**split_pairs(rest, data.split_seed, shares), "validation": held}
    else:
        parts = {
            **split_pairs(found, data.split_seed, shares),
            "validation": sample_pairs("validation", task)[: data.validation],
        }
    return TrainingData(settings, task, parts)


def _own_images(settings: Settings, task: Task) -> list[Pair]:
    """The images of the folders that were given; what is left out of these, or not used, is logged.

    Raises:
        UsageError: Images are too small for a patch that will be cut, or grey where the task works on colour.
        NasError: Images have no partner or cannot be read. The message names all offenders; ``data.skip_unfit`` leaves
            them out.
    """
    verdict = _judged(settings, task)
    pairs = verdict.usable(settings.data.skip_unfit)
    if distributed.leads():
        for note in verdict.notes:
            log.warning(note.sentence)
        if verdict.faults:
            log.warning(verdict.left_out())
    return pairs


def _judged(settings: Settings, task: Task) -> Verdict:
    """What is to be said of the images of the folders that were given, the patches that will be cut considered."""
    data = settings.data
    verdict = judge(sources(data.path, data.clean, data.degraded, clean_half=data.clean_half), task)
    phases = _timeline(settings, max(len(verdict.pairs), 1)).phases
    patches = [phase.patch for phase in phases if phase.end > phase.first] or [data.patch]
    require_patch(verdict, task, max(patches))
    return verdict


def _hold_out(pairs: list[Pair], count: int, seed: int) -> tuple[list[Pair], list[Pair]]:
    """``count`` images for validation and the rest for training; no split at all for a count of zero."""
    if count == 0:
        return [], pairs
    spare = max(len(pairs) - count - 1, 1)
    parts = split_pairs(pairs, seed, {"validation": max(count - 1, 1e-9), "training": spare})
    return parts["validation"], parts["training"]
