"""``nas retrain``: a genotype, a finished search or a baseline, trained from scratch on a task."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from nas.config.reading import build
from nas.config.runs import RetrainSettings
from nas.config.training import TrainSettings
from nas.data import Pair
from nas.data.stages import Timeline
from nas.models.baseline import Criterion
from nas.models.weights import save_weights
from nas.registry import load_plugins
from nas.tasks import Task, get_task
from nas.train import distributed
from nas.train.loop import Ending, going_on, train
from nas.train.network_learner import NetworkLearner
from nas.train.run import Run
from nas.train.state import seed_everything
from nas.train.trainable import TrainableModel, build_trainable
from nas.train.training_data import TrainingData, check_settings, open_training_data
from nas.train.warm_start import Start, begin_from, sized_as_given


@dataclass(frozen=True)
class RetrainResult:
    """A finished training.

    Attributes:
        run: The run folder.
        weights: The weights file in it.
        weights_hash: See ``nas.models.weights.weights_hash``.
        scores: The last validation scores, ``psnr`` in dB among them; {} without validation.
        seconds: Wall time of this session; 0 when the run had been finished before.
        notes: Sentences for the user, such as which tensors other weights did not fill.
    """

    run: Path
    weights: Path
    weights_hash: str
    scores: dict[str, float]
    seconds: float
    notes: tuple[str, ...] = ()


@distributed.process_group()
def retrain(
    settings: RetrainSettings | None = None,
    *,
    out: str | Path | None = None,
    resume: str | Path | None = None,
    **flags: Any,
) -> RetrainResult:
    """Train a network from scratch.

    The weights file records the recipe and which images selected nothing: the last (or averaged) weights are kept,
    never the best on a benchmark. Under torchrun the processes train one network together
    (``nas.train.distributed``): ``data.batch`` is of each process, rank 0 writes, and every process returns the same
    result.

    Args:
        settings: The whole configuration; or give ``flags``.
        out: The run folder to be made; by default ``runs/`` and a name that says what is trained.
        resume: Folder of an interrupted training to go on with; settings then come from its config.yaml.
        flags: Settings by name (``model="run/genotype.json"``, ``train__steps=4000``).

    Raises:
        UsageError: The settings are wrong or do not fit together.
        NasError: The training failed.
    """
    started = time.monotonic()
    run: Run | None = None
    if resume is not None:
        run = Run.open(resume)
        settings = run.expect(RetrainSettings)
        if run.finished:
            return _earlier_result(run)
    work = _prepare(settings or build(RetrainSettings, **flags), fresh=run is None)
    criterion = work.trainable.criterion(work.settings)
    if run is None:  # only now: settings that cannot work together leave no folder behind
        run = _begin(work, out)
        if run.finished:  # a rank died when all was done, and torchrun restarted the others
            return _earlier_result(run)
    init_from, trainable = work.settings.init_from, work.trainable
    start = begin_from(trainable.model, init_from, trainable.kind, run) if init_from else None
    learner = _learner(work, criterion)
    ending = train(learner, run, work.train_settings, f"retrain {trainable.name} {work.task.name}")
    with going_on(run):
        digest = _save(run, work, learner, _training_record(work, criterion, start, ending))
        seconds = run.finish({"weights": digest, "scores": ending.scores}, started)
    notes = (start.sentence,) if start else ()
    return RetrainResult(run.folder, run.weights_file, digest, ending.scores, seconds, notes)


def plan_retraining(settings: RetrainSettings) -> tuple[nn.Module, Task, RetrainSettings, dict[str, int]]:
    """What ``retrain`` would train, without training.

    Args:
        settings: The whole configuration.

    Returns:
        The network, its task, the settings, and the number of images by part.

    Raises:
        UsageError: The settings are wrong or do not fit together.
    """
    work = _prepare(settings, fresh=True)
    counts = {part: len(pairs) for part, pairs in work.data.parts.items()}
    return work.trainable.model, work.task, work.settings, counts


def rehearsed(settings: RetrainSettings, prepare: Callable[[TrainingData], TrainingData]) -> NetworkLearner:
    """The learner of a training that is only tried out, without a run folder.

    Args:
        settings: The whole configuration.
        prepare: Changes the data before they are used.
    """
    work = _prepare(settings, fresh=True)
    work = replace(work, data=prepare(work.data))
    return _learner(work, work.trainable.criterion(work.settings))


def _default_name(settings: RetrainSettings, trainable: TrainableModel) -> str:
    """The run folder's name when none is given."""
    what = f"{trainable.name}-{trainable.genotype.hash[:8]}" if trainable.genotype else trainable.name
    return f"retrain-{what}-{settings.task}-seed{settings.seed}"


@dataclass(frozen=True)
class _Work:
    """A training that is ready to begin."""

    settings: RetrainSettings
    task: Task
    trainable: TrainableModel
    data: TrainingData

    @property
    def timeline(self) -> Timeline:
        """Patch, batch and epoch of every step."""
        return self.data.timeline("weights")

    @property
    def train_settings(self) -> TrainSettings:
        """The settings of the loop; whole epochs make it somewhat shorter than was asked for."""
        return self.settings.train.model_copy(update={"steps": self.timeline.steps})


def _prepare(settings: RetrainSettings, fresh: bool) -> _Work:
    """Build the network and find its images; a ``fresh`` run takes over the sizes of the weights it starts from."""
    load_plugins(settings.plugins)
    task = get_task(settings.task)
    check_settings(settings, task)
    if fresh and settings.init_from:
        settings = sized_as_given(settings, task)
    seed_everything(settings.seed)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    trainable = build_trainable(settings, task)
    return _Work(settings, task, trainable, open_training_data(settings, task, {"weights": 1.0}))


def _begin(work: _Work, out: str | Path | None) -> Run:
    """Make the run folder, with all that is known before the first step."""
    trainable = work.trainable
    run = Run.begin(out or Path("runs") / _default_name(work.settings, trainable), "retrain", work.settings)
    run.write_text("data.json", json.dumps(work.data.names, indent=2) + "\n")
    if trainable.genotype is not None and trainable.space is not None:
        distributed.lead(partial(trainable.genotype.save, run.folder / "genotype.json"))
        run.write_text("space.json", json.dumps(trainable.space.document, indent=2) + "\n")
    return run


def _learner(work: _Work, criterion: Criterion) -> NetworkLearner:
    line, settings = work.timeline, work.train_settings
    by_epoch = settings.schedule.unit == "epoch"
    return NetworkLearner(
        work.trainable.model,
        criterion,
        work.data.batches("weights"),
        settings,
        work.settings.device,
        work.data.validate,
        (lambda step: (line.epoch(step), line.epochs)) if by_epoch else None,
    )


def _training_record(work: _Work, criterion: Criterion, start: Start | None, ending: Ending) -> dict[str, Any]:
    """What the weights file says of the training."""
    data = work.settings.data
    return {
        "steps": ending.steps,
        "seed": work.settings.seed,
        "batch": data.batch * distributed.ranks(),
        "patch": data.patch,
        "data": [Path(p).name for p in data.path] or ["sample"],
        "note": _inputs(work.data.parts["weights"], work.task),
        "stages": [[p.end - p.first, p.patch, p.batch] for p in work.timeline.phases] if data.stages else [],
        "criterion": criterion.identity,
        "init_from": start.record if start else {},
        "selection": [],
        "scores": ending.scores,
    }


def _save(run: Run, work: _Work, learner: NetworkLearner, record: dict[str, Any]) -> str:
    trainable = work.trainable
    digest: str = distributed.lead(
        lambda: save_weights(
            run.weights_file,
            learner.model,
            kind=trainable.kind,
            task=work.task.name,
            state=learner.final_state(),
            genotype=trainable.genotype,
            space=trainable.space.document if trainable.space else None,
            training=record,
        )
    )
    return digest


def _earlier_result(run: Run) -> RetrainResult:
    """The result of a run that was finished before."""
    summary = run.summary()
    return RetrainResult(run.folder, run.weights_file, summary["weights"], summary["scores"], 0.0)


def _inputs(pairs: Sequence[Pair], task: Task) -> str:
    """The words "synthetic input" where the task wants real pairs and these, or some, are made up; rows repeat them."""
    made = sum(p.made_up(task) for p in pairs)
    part = "" if made == len(pairs) else f" in {made} of {len(pairs)} images"
    return f"synthetic input{part}" if made else ""
