"""``nas retrain``: a genotype, a finished search or a baseline, trained from scratch on a task."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from nas.config.reading import build
from nas.config.runs import RetrainSettings
from nas.config.training import TrainSettings
from nas.data import Pair
from nas.data.stages import Timeline
from nas.files import resolved
from nas.models.baseline import Criterion
from nas.models.calling import descriptor_of
from nas.models.weights import save_weights
from nas.names import inside
from nas.registry import load_plugins
from nas.space import Genotype
from nas.tasks import Task, get_task
from nas.train import distributed
from nas.train.doubts import Doubts
from nas.train.loop import Ending, going_on, train
from nas.train.made_of import FILE as MADE_OF
from nas.train.network_learner import NetworkLearner
from nas.train.notebook import parts_of, run_html
from nas.train.opening import opening, steps_of
from nas.train.plan import Plan
from nas.train.resuming import Resumption, accept, new_record, open_resumption
from nas.train.run import Run
from nas.train.state import seed_everything
from nas.train.teacher import TaughtCriterion, taught, teacher_of
from nas.train.trainable import (
    TrainableModel,
    build_trainable,
    derived_network,
    trainable_of_run,
    with_plugins_of_model,
)
from nas.train.training_data import TrainingData, check_settings, open_training_data
from nas.train.warm_start import START_FILE, Start, begin_from, sized_as_given


@dataclass(frozen=True)
class RetrainResult:
    """A finished training; a notebook shows it as a table.

    Attributes:
        run: The run folder.
        weights: The weights file in it.
        best: The weights of the best validation; None without validation, or where they are not kept.
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
    best: Path | None = None

    def _repr_html_(self) -> str:
        """What a notebook shows: weights, scores and main settings in a table, and the validation curve."""
        scores = ((f"validation {name}", f"{value:.3f}") for name, value in self.scores.items())
        rows = [("weights", self.weights), ("hash", self.weights_hash), *scores, ("seconds", f"{self.seconds:.0f}")]
        notes = (("note", note) for note in self.notes)
        return run_html(f"training {self.run}", [*rows, *notes], *parts_of(self.run), None)


@distributed.process_group()
def retrain(
    settings: RetrainSettings | Genotype | str | Path | None = None,
    *,
    out: str | Path | None = None,
    resume: str | Path | None = None,
    assign: Sequence[str] = (),
    force: bool = False,
    **flags: Any,
) -> RetrainResult:
    """Train a network from scratch.

    The weights file records the recipe and that no images selected it: it holds the last (or averaged) weights. Those
    of the best validation are kept beside it (``train.keep_best``) and record on which images they were selected.

    Under torchrun the processes train one network together (``nas.train.distributed``): ``data.batch`` is of each
    process, rank 0 writes, and every process returns the same result.

    Args:
        settings: The whole configuration; or what is trained (a genotype, its file, a run folder, or the name of a
            baseline), with the rest in ``flags``; or nothing, with all in ``flags``.
        out: The run folder to be made; by default ``runs/`` and a name that says what is trained.
        resume: Folder of a training to go on with. Its settings come from its config.yaml; ``flags`` and ``assign``
            change some of them (``nas.config.changes``), and a finished training goes on if it gets more steps.
        assign: Assignments ``a.b=value``.
        force: Resume although images, plug-ins or versions differ from the recorded ones.
        flags: Settings by name (``model="run/genotype.json"``, ``train__steps=4000``).

    Raises:
        UsageError: The settings are wrong or do not fit together.
        NasError: The training failed.
    """
    started = time.monotonic()
    if resume is None:
        work = _prepare(*_asked(settings, assign, flags))
        return _train(work, None, out, started)
    found = open_resumption(resume, RetrainSettings, flags, assign, force)
    if found.done:
        return _earlier_result(found.run)
    with found.run.held():
        return _train(_prepare_again(found), found.run, None, started)


def _asked(
    what: RetrainSettings | Genotype | str | Path | None, assign: Sequence[str], flags: dict[str, Any]
) -> tuple[RetrainSettings, Genotype | None]:
    """The settings of a new training, and the genotype that a program has in its hands."""
    if isinstance(what, RetrainSettings):
        return what, None
    if isinstance(what, Genotype):
        return build(RetrainSettings, assignments=assign, **{**flags, "model": f"genotype-{what.hash}"}), what
    named = {} if what is None else {"model": str(what)}
    return build(RetrainSettings, assignments=assign, **{**flags, **named}), None


def _train(work: _Work, run: Run | None, out: str | Path | None, started: float) -> RetrainResult:
    criterion, start = work.criterion(), begin_from(work.trainable, work.settings, run)
    learner = _learner(work, criterion)
    if run is None:  # only now: settings that cannot work together leave no folder behind
        run = _begin(work, start, out)
        if run.finished:  # a rank died when all was done, and torchrun restarted the others
            return _earlier_result(run)
    folder = run

    def keep_best(step: int, scores: dict[str, float]) -> None:
        record = _training_record(work, criterion, start, Ending(scores, step, ""))
        _save(folder.best_file, work, learner, {**record, "selection": _selection(work, step)})

    with run.held():
        ending = train(
            learner,
            run,
            work.train_settings,
            f"retrain {work.trainable.name} {work.task.name}",
            keep_best=keep_best if work.settings.train.keep_best else None,
            pictures=work.data.pictures,
            doubts=Doubts(work.data, work.train_settings, 0, work.network),
        )
        record = {**_training_record(work, criterion, start, ending), **_changes_on_the_way(run)}
        with going_on(run):
            digest = _save(run.weights_file, work, learner, record)
            seconds = run.finish({"weights": digest, "scores": ending.scores}, started)
    notes = [start.sentence] if start else []
    doubt = work.trainable.genotype.provenance.get("warning") if work.trainable.genotype else None
    if doubt:
        notes.append(f"warning: {doubt}")
    best = _best_file(run)
    if best is not None:
        notes.append(f"the weights of the best validation by {work.settings.train.monitor} are in {best}")
    return RetrainResult(run.folder, run.weights_file, digest, ending.scores, seconds, tuple(notes), best)


def plan_retraining(
    settings: RetrainSettings | None = None,
    *,
    resume: str | Path | None = None,
    assign: Sequence[str] = (),
    force: bool = False,
    **flags: Any,
) -> Plan:
    """What ``retrain`` would train with the same arguments, without training or writing anything.

    Raises:
        UsageError: The settings are wrong or do not fit together.
    """
    if resume is None:
        work = _prepare(settings or build(RetrainSettings, assignments=assign, **flags))
        start = begin_from(work.trainable, work.settings, None)
        notes: tuple[str, ...] = (start.sentence,) if start else ()
    else:
        found = open_resumption(resume, RetrainSettings, flags, assign, force)
        work = _prepare_again(found, dry_run=True)
        notes = (found.stands(work.train_settings.steps), *found.run.notes)
    _learner(work, work.criterion())
    counts = {part: len(pairs) for part, pairs in work.data.parts.items()}
    return Plan(work.trainable.model, work.task, work.settings, counts, notes)


def rehearsed(settings: RetrainSettings, prepare: Callable[[TrainingData], TrainingData]) -> NetworkLearner:
    """The learner of a training that is only tried out, without a run folder.

    Args:
        settings: The whole configuration.
        prepare: Changes the data before they are used.
    """
    work = _prepare(settings)
    work = replace(work, data=prepare(work.data))
    return _learner(work, work.criterion())


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

    @property
    def network(self) -> dict[str, Any]:
        """The settings of the network, whoever gave them: genotype, baseline or ``network``."""
        genotype = self.trainable.genotype
        decided = {} if genotype is None else genotype.network
        return {**decided, **descriptor_of(self.trainable.model).config, **self.settings.network}

    def criterion(self) -> Criterion:
        """The loss of the training, with that of a teacher."""
        own = self.trainable.criterion(self.settings)
        return taught(own, teacher_of(self.settings, self.task), descriptor_of(self.trainable.model).value_range)


#: shares of the training images
_SHARES = {"weights": 1.0}


def _prepare(settings: RetrainSettings, genotype: Genotype | None = None) -> _Work:
    """Build the network of a new training and find its images."""
    settings = with_plugins_of_model(settings)
    task = _ready(settings)
    if genotype is None:
        settings = sized_as_given(settings, task)
        trainable = build_trainable(settings, task)
    else:
        trainable = derived_network(genotype, settings, task)
    return _Work(settings, task, trainable, open_training_data(settings, task, _SHARES))


def _prepare_again(found: Resumption[RetrainSettings], dry_run: bool = False) -> _Work:
    """Build the network of a training that goes on from what its folder holds, and find its images again."""
    run, settings = found.run, found.settings
    task = _ready(settings)
    trainable = trainable_of_run(run.folder, settings, task) or build_trainable(settings, task)
    settings = accept(found, task, _SHARES, _structure(trainable), dry_run=dry_run)
    if not dry_run:
        run.complete(_beginning(trainable))
    data = open_training_data(settings, task, _SHARES, run)
    if not dry_run:
        run.complete({"data.json": _names(data)})
    return _Work(settings, task, trainable, data)


def _ready(settings: RetrainSettings) -> Task:
    """Plug-ins, task, seed and threads, before a network is built."""
    load_plugins(settings.plugins)
    task = get_task(settings.task)
    check_settings(settings, task)
    seed_everything(settings.seed)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    return task


def _begin(work: _Work, start: Start | None, out: str | Path | None) -> Run:
    """Make the run folder, with all that is known before the first step."""
    trainable, data = work.trainable, work.data
    record = distributed.lead(lambda: new_record(work.settings, data.parts, _structure(trainable)))
    files = {**_beginning(trainable), "data.json": _names(data), MADE_OF: record}
    if start is not None:
        files[START_FILE] = start.to_text()
    folder = out or inside("runs", _default_name(work.settings, trainable))
    run = Run.begin(folder, "retrain", work.settings, files)
    parameters = sum(p.numel() for p in trainable.model.parameters())
    named = f" {trainable.genotype.hash}" if trainable.genotype else ""
    what = f"train {trainable.name}{named} ({parameters:,} parameters)"
    budget = steps_of(work.settings, work.timeline.steps)
    run.notes.insert(0, opening(what, work.settings, data.parts, budget, run.folder, distributed.ranks()))
    return run


def _beginning(trainable: TrainableModel) -> dict[str, str]:
    """Files from which the network of the run can be built again."""
    if trainable.genotype is None or trainable.space is None:
        return {}
    return {
        "genotype.json": trainable.genotype.to_json_text(),
        "space.json": json.dumps(trainable.space.document, indent=2) + "\n",
    }


def _names(data: TrainingData) -> str:
    return json.dumps(data.names, indent=2) + "\n"


def _structure(trainable: TrainableModel) -> dict[str, str | None]:
    genotype, space = trainable.genotype, trainable.space
    return {"space": space.hash if space else None, "genotype": genotype.hash if genotype else None}


def _changes_on_the_way(run: Run) -> dict[str, Any]:
    """What was changed when the training was resumed, for the weights file."""
    history = [{k: entry[k] for k in ("step", "changes", "forced") if k in entry} for entry in run.history()]
    return {"resumed_with": history} if history else {}


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
        "batch": data.batch * distributed.ranks() * work.settings.train.accumulate,
        "patch": data.patch,
        "data": [Path(p).name for p in (*data.path, *data.clean)] or ["sample"],
        "note": _inputs(work.data.parts["weights"], work.task),
        "stages": [[p.end - p.first, p.patch, p.batch] for p in work.timeline.phases] if data.stages else [],
        "criterion": criterion.identity,
        "init_from": start.record if start else {},
        "selection": [],
        "scores": ending.scores,
        **({"teacher": criterion.teacher.name} if isinstance(criterion, TaughtCriterion) else {}),
    }


def _selection(work: _Work, step: int) -> dict[str, Any]:
    """What the best weights were selected by; evaluation refuses sets that one of these folders is named after."""
    images = work.data.parts["validation"]
    files = [file for pair in images for file in (pair.target, pair.degraded) if file is not None]
    folders = {name for file in files for name in resolved(file).parent.parts[1:]}
    given = work.settings.data
    return {
        "part": "validation",
        "metric": work.settings.train.monitor,
        "step": step,
        "folders": sorted(folders) if given.path or given.clean else [],
        "images": sorted(pair.name for pair in images),
    }


def _save(file: Path, work: _Work, learner: NetworkLearner, record: dict[str, Any]) -> str:
    trainable = work.trainable
    digest: str = distributed.lead(
        lambda: save_weights(
            file,
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
    best = _best_file(run)
    return RetrainResult(run.folder, run.weights_file, summary["weights"], summary["scores"], 0.0, best=best)


def _best_file(run: Run) -> Path | None:
    return run.best_file if run.best_file.is_file() else None


def _inputs(pairs: Sequence[Pair], task: Task) -> str:
    """The words "synthetic input" where the task wants real pairs and these, or some, are made up; rows repeat them."""
    made = sum(p.made_up(task) for p in pairs)
    part = "" if made == len(pairs) else f" in {made} of {len(pairs)} images"
    return f"synthetic input{part}" if made else ""
