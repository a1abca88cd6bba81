"""``nas retrain``: a genotype, a finished search or a baseline, trained from scratch on a task."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import nn

from nas.config import RetrainSettings, build
from nas.errors import UsageError, did_you_mean
from nas.registry import BASELINES, load_plugin
from nas.space import Genotype, Space, load_genotype, load_space, space_from_document
from nas.tasks import Task, get_task
from nas.train.feeding import check_settings, open_feed
from nas.train.loop import train
from nas.train.losses import task_criterion
from nas.train.network_learner import NetworkLearner
from nas.train.run import Run
from nas.train.state import seed_everything
from nas.weights import save_weights

#: entries of ``network`` that are options of a derived network rather than part of its structure
OPTIONS = ("image_residual", "train_mean_shift")


@dataclass(frozen=True)
class RetrainResult:
    """A finished training: its folder, the weights file and its hash, the last validation scores (dB)."""

    run: Path
    weights: Path
    weights_hash: str
    scores: dict[str, float]
    seconds: float


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
    for plugin in run.settings.plugins:
        load_plugin(plugin)
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


def recipe(model: str, preset: str) -> dict[str, Any]:
    """A baseline's training recipe (``recipe.yaml`` in its folder): ``published`` or ``small``."""
    baseline = BASELINES.get(model)
    presets = yaml.safe_load((baseline.folder / "recipe.yaml").read_text(encoding="utf-8"))
    if preset not in presets:
        raise UsageError(f"model {model!r} has no recipe {preset!r}; {did_you_mean(preset, presets)}")
    tree: dict[str, Any] = presets[preset]
    return tree


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
    best on a benchmark.
    """
    started = time.monotonic()
    run: Run | None = None
    if resume is not None:
        run = Run.open(resume)
        settings = run.expect(RetrainSettings)
        if run.finished:
            summary = run.summary()
            return RetrainResult(
                run.folder, run.folder / "weights.safetensors", summary["weights"], summary["scores"], 0.0
            )
    settings = settings or build(RetrainSettings, **flags)
    for plugin in settings.plugins:
        load_plugin(plugin)
    task = get_task(settings.task)
    check_settings(settings, task)
    seed_everything(settings.seed)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    candidate = build_candidate(settings, task)
    feed = open_feed(settings, task, {"weights": 1.0})
    if run is None:
        run = Run.create(out or Path("runs") / default_name(settings, candidate), "retrain", settings)
        run.write_text("data.json", json.dumps(feed.names, indent=2) + "\n")
        if candidate.genotype is not None and candidate.space is not None:
            candidate.genotype.save(run.folder / "genotype.json")
            run.write_text("space.json", json.dumps(candidate.space.document, indent=2) + "\n")
    learner = NetworkLearner(
        candidate.model,
        _criterion(candidate, settings),
        feed.batches("weights"),
        settings.train,
        settings.device,
        feed.validate,
    )
    scores = train(learner, run, settings.train, f"retrain {candidate.name} {task.name}")
    path = run.folder / "weights.safetensors"
    training = {
        "steps": settings.train.steps,
        "seed": settings.seed,
        "batch": settings.data.batch,
        "patch": settings.data.patch,
        "data": [Path(p).name for p in settings.data.path] or ["sample"],
        "selection": [],
        "scores": scores,
    }
    digest = save_weights(
        path,
        learner.model,
        kind=candidate.kind,
        task=task.name,
        state=learner.final_state(),
        genotype=candidate.genotype,
        space=candidate.space.document if candidate.space else None,
        training=training,
    )
    seconds = time.monotonic() - started
    run.write_summary({"weights": digest, "scores": scores, "seconds_of_last_part": round(seconds, 1)})
    return RetrainResult(run.folder, path, digest, scores, seconds)


def plan(settings: RetrainSettings) -> tuple[nn.Module, Task, RetrainSettings, dict[str, int]]:
    """What ``retrain`` would train, without training: the network, its task, the settings, images by part."""
    for plugin in settings.plugins:
        load_plugin(plugin)
    task = get_task(settings.task)
    check_settings(settings, task)
    candidate = build_candidate(settings, task)
    feed = open_feed(settings, task, {"weights": 1.0})
    return candidate.model, task, settings, {part: len(pairs) for part, pairs in feed.parts.items()}


def _criterion(candidate: Candidate, settings: RetrainSettings) -> Any:
    descriptor: Any = candidate.model.descriptor
    if candidate.kind == "baseline":
        own = BASELINES.get(candidate.name).criterion
        if own is not None:
            return own(candidate.model, {"loss": settings.train.loss})
    return task_criterion(settings.train.loss, descriptor.value_range)


def default_name(settings: RetrainSettings, candidate: Candidate) -> str:
    """The run folder's name when none is given."""
    what = f"{candidate.name}-{candidate.genotype.hash[:8]}" if candidate.genotype else candidate.name
    return f"retrain-{what}-{settings.task}-seed{settings.seed}"
