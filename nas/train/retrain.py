"""``nas retrain``: a genotype, a finished search or a baseline, trained from scratch on a task."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import nn

from nas.config.reading import build
from nas.config.runs import RetrainSettings
from nas.data import Pair
from nas.errors import UsageError, did_you_mean
from nas.models.weights import save_weights
from nas.registry import BASELINES, load_plugins
from nas.space import Genotype, Space, load_genotype, load_space, space_from_document
from nas.tasks import Task, get_task
from nas.train import distributed
from nas.train.loop import train
from nas.train.losses import criterion_identity, task_criterion
from nas.train.network_learner import NetworkLearner
from nas.train.run import Run
from nas.train.state import seed_everything
from nas.train.training_data import check_settings, open_training_data
from nas.train.warm_start import begin_from, sized_as_given

#: entries of ``network`` that are options of a derived network rather than part of its structure
OPTIONS = ("image_residual", "train_mean_shift")


@dataclass(frozen=True)
class RetrainResult:
    """A finished training: its folder, the weights file and its hash, the last validation scores (dB).

    notes: sentences for the user, e.g. which tensors other weights did not fill
    """

    run: Path
    weights: Path
    weights_hash: str
    scores: dict[str, float]
    seconds: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Candidate:
    """What is trained: a network with, if derived, its genotype and space."""

    model: nn.Module
    kind: str
    name: str
    genotype: Genotype | None = None
    space: Space | None = None


def build_candidate(settings: RetrainSettings, task: Task) -> Candidate:
    """Find what ``settings.model`` names: a run folder, a genotype (file or registered name), a baseline.

    Raises UsageError that offers the nearest name.
    """
    name, path = settings.model, Path(settings.model)
    if path.is_dir() or path.suffix == ".json" or "/" in name:
        genotype, space = _from_path(path, settings)
        return _derived(genotype, space, task, settings.network)
    if name in BASELINES:
        baseline = BASELINES.get(name)
        if not baseline.trainable:
            raise UsageError(f"model {name!r} has no weights to train")
        model = baseline.create(**{**baseline.config_for_task(task.name), **settings.network})
        return Candidate(model, "baseline", name)
    try:
        genotype = load_genotype(name)
    except UsageError:
        known = [*BASELINES.names(), "jsnet_released"]
        raise UsageError(f"{name!r} is no run folder, genotype file or model; {did_you_mean(name, known)}") from None
    return _derived(genotype, _space_for(genotype, settings), task, settings.network)


def _from_path(path: Path, settings: RetrainSettings) -> tuple[Genotype, Space]:
    if not path.exists():
        raise UsageError(f"{str(path)!r} does not exist; give a run folder, a genotype file or a model name")
    if not path.is_dir():
        genotype = Genotype.load(path)
        return genotype, _space_for(genotype, settings)
    run = Run.open(path)
    file = run.folder / "genotype.json"
    if not file.is_file():
        raise UsageError(
            f"run {str(path)!r} has no genotype.json yet; finish it with 'nas search --resume {path}' or write one "
            f"with 'nas derive {path}'"
        )
    load_plugins(run.settings.plugins)
    return Genotype.load(file), space_from_document(json.loads((run.folder / "space.json").read_text(encoding="utf-8")))


def _space_for(genotype: Genotype, settings: RetrainSettings) -> Space:
    return load_space(settings.space or genotype.space_name, preset=settings.preset)


def _derived(genotype: Genotype, space: Space, task: Task, network: dict[str, Any]) -> Candidate:
    settings = {k: v for k, v in network.items() if k not in OPTIONS}
    if settings:
        genotype = genotype.with_network(**settings)
    space.validate(genotype)
    options = {k: v for k, v in network.items() if k in OPTIONS}
    return Candidate(space.network(genotype, task, **options), "derived", space.name, genotype, space)


def recipe(model: str, preset: str, task: str | None = None) -> dict[str, Any]:
    """A baseline's training recipe (``recipe.yaml`` in its folder): ``published``, ``small`` or one of its own.

    What the file says of ``PRESET for TASK`` (wildcards allowed) is laid over it, setting by setting.
    """
    baseline = BASELINES.get(model)
    presets = yaml.safe_load((baseline.folder / "recipe.yaml").read_text(encoding="utf-8"))
    names = [name for name in presets if " for " not in name]
    if preset not in names:
        raise UsageError(f"model {model!r} has no recipe {preset!r}; {did_you_mean(preset, names)}")
    tree: dict[str, Any] = presets[preset]
    for name, more in presets.items():
        head, _, pattern = name.partition(" for ")
        if head == preset and pattern and task is not None and fnmatchcase(task, pattern):
            tree = _laid_over(tree, more)
    return tree


def _laid_over(tree: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    merged = dict(tree)
    for key, value in more.items():
        below = merged.get(key)
        merged[key] = _laid_over(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


@distributed.process_group()
def retrain(
    settings: RetrainSettings | None = None,
    *,
    out: str | Path | None = None,
    resume: str | Path | None = None,
    **flags: Any,
) -> RetrainResult:
    """Train from scratch; ``flags`` are settings by name (``model="run/genotype.json"``, ``train__steps=4000``).

    Give ``resume`` (a run folder) to continue; settings then come from its config.yaml. The weights file
    records the recipe and which images selected nothing: the last (or averaged) weights are kept, never the
    best on a benchmark. Under torchrun the processes train one network together (``nas.train.distributed``):
    ``data.batch`` is of each process, rank 0 writes, and every process returns the same result.
    """
    started = time.monotonic()
    run: Run | None = None
    if resume is not None:
        run = Run.open(resume)
        settings = run.expect(RetrainSettings)
        if run.finished:
            return _finished(run)
    settings = settings or build(RetrainSettings, **flags)
    load_plugins(settings.plugins)
    task = get_task(settings.task)
    check_settings(settings, task)
    if run is None and settings.init_from:
        settings = sized_as_given(settings, task)
    seed_everything(settings.seed)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    candidate = build_candidate(settings, task)
    data = open_training_data(settings, task, {"weights": 1.0})
    criterion = _criterion(candidate, settings)
    line = data.timeline("weights")
    train_settings = settings.train.model_copy(update={"steps": line.steps})
    if run is None:
        run = Run.begin(out or Path("runs") / default_name(settings, candidate), "retrain", settings)
        run.write_text("data.json", json.dumps(data.names, indent=2) + "\n")
        if candidate.genotype is not None and candidate.space is not None:
            distributed.lead(partial(candidate.genotype.save, run.folder / "genotype.json"))
            run.write_text("space.json", json.dumps(candidate.space.document, indent=2) + "\n")
        if run.finished:  # a rank died when all was done, and torchrun restarted the others
            return _finished(run)
    start = begin_from(candidate.model, settings.init_from, candidate.kind, run) if settings.init_from else None
    learner = NetworkLearner(
        candidate.model,
        criterion,
        data.batches("weights"),
        train_settings,
        settings.device,
        data.validate,
        (lambda step: (line.epoch(step), line.epochs)) if train_settings.schedule.unit == "epoch" else None,
    )
    ending = train(learner, run, train_settings, f"retrain {candidate.name} {task.name}")
    scores = ending.scores
    path = run.folder / "weights.safetensors"
    training = {
        "steps": ending.steps,
        "seed": settings.seed,
        "batch": settings.data.batch * distributed.ranks(),
        "patch": settings.data.patch,
        "data": [Path(p).name for p in settings.data.path] or ["sample"],
        "note": _inputs(data.parts["weights"], task),
        "stages": [[s.end - s.first, s.patch, s.batch] for s in line.stretches] if settings.data.stages else [],
        "criterion": criterion_identity(criterion),
        "init_from": start.record if start else {},
        "selection": [],
        "scores": scores,
    }
    digest = distributed.lead(
        lambda: save_weights(
            path,
            learner.model,
            kind=candidate.kind,
            task=task.name,
            state=learner.final_state(),
            genotype=candidate.genotype,
            space=candidate.space.document if candidate.space else None,
            training=training,
        )
    )
    seconds = time.monotonic() - started
    run.write_summary({"weights": digest, "scores": scores, "seconds_of_last_part": round(seconds, 1)})
    return RetrainResult(run.folder, path, digest, scores, seconds, (start.sentence,) if start else ())


def _finished(run: Run) -> RetrainResult:
    summary = run.summary()
    return RetrainResult(run.folder, run.folder / "weights.safetensors", summary["weights"], summary["scores"], 0.0)


def _inputs(pairs: Sequence[Pair], task: Task) -> str:
    """ "synthetic input" where the task wants real pairs and (some of) these are made up: rows of the model say so."""
    made = sum(p.made_up(task) for p in pairs)
    part = "" if made == len(pairs) else f" in {made} of {len(pairs)} images"
    return f"synthetic input{part}" if made else ""


def plan(settings: RetrainSettings) -> tuple[nn.Module, Task, RetrainSettings, dict[str, int]]:
    """What ``retrain`` would train, without training: the network, its task, the settings, images by part."""
    load_plugins(settings.plugins)
    task = get_task(settings.task)
    check_settings(settings, task)
    if settings.init_from:
        settings = sized_as_given(settings, task)
    candidate = build_candidate(settings, task)
    data = open_training_data(settings, task, {"weights": 1.0})
    return candidate.model, task, settings, {part: len(pairs) for part, pairs in data.parts.items()}


def _criterion(candidate: Candidate, settings: RetrainSettings) -> Any:
    descriptor: Any = candidate.model.descriptor
    options = settings.train.criterion
    own = BASELINES.get(candidate.name).criterion if candidate.kind == "baseline" else None
    if own is not None:
        criterion = own(candidate.model, {"loss": settings.train.loss, **options})
        if criterion is not None:
            return criterion
    elif options:
        raise UsageError(
            f"{candidate.name} has no loss of its own, so train.criterion ({', '.join(options)}) has nothing to set; "
            "choose among l1, l2 and charbonnier with train.loss"
        )
    return task_criterion(settings.train.loss, descriptor.value_range)


def default_name(settings: RetrainSettings, candidate: Candidate) -> str:
    """The run folder's name when none is given."""
    what = f"{candidate.name}-{candidate.genotype.hash[:8]}" if candidate.genotype else candidate.name
    return f"retrain-{what}-{settings.task}-seed{settings.seed}"
