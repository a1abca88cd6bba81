"""``nas search``: a space, a task and a strategy in, a run folder with a genotype out."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import torch

from nas.config.reading import build
from nas.config.runs import SearchSettings
from nas.engines.drivers import driver_of
from nas.engines.gradient import SupernetLearner
from nas.engines.provenance import with_provenance
from nas.engines.result import SearchResult, _finished, default_name
from nas.engines.setup import SHARES, costs_for_limits, space_of
from nas.engines.single_path import SinglePathLearner
from nas.engines.trials import TrialLearner
from nas.models.weights import save_weights
from nas.registry import STRATEGIES, load_plugins
from nas.space import Space
from nas.strategies.base import DiscreteStrategy
from nas.tasks import Task, get_task
from nas.train import distributed
from nas.train.loop import train
from nas.train.run import Run
from nas.train.state import seed_everything
from nas.train.training_data import TrainingData, check_settings, open_training_data


@distributed.process_group()
def search(
    settings: SearchSettings | None = None,
    *,
    out: str | Path | None = None,
    resume: str | Path | None = None,
    **flags: Any,
) -> SearchResult:
    """Search an architecture; ``flags`` are settings by name (``space="jsm"``, ``train__steps=500``).

    Give ``resume`` (a run folder) to continue an interrupted search; everything else then comes from its
    config.yaml. Returns when the budget is spent. Raises UsageError for wrong settings, NasError on failure.

    Under torchrun the processes train one supernet together (``nas.train.distributed``): ``data.batch`` is of each
    process, rank 0 writes, and every process returns the same result. Strategies without gradients refuse it.
    """
    started = time.monotonic()
    if resume is not None:
        run = Run.open(resume)
        settings = run.expect(SearchSettings)
        if run.finished:
            return _finished(run)
    else:
        settings = settings or build(SearchSettings, **flags)
        run = None
    load_plugins(settings.plugins)
    if not STRATEGIES.get(settings.strategy).differentiable:
        distributed.refuse(
            f"strategy {settings.strategy!r}",
            "it proposes whole genotypes, which --workers N shares among processes here and --storage URL anywhere",
        )
    drive = driver_of(settings)
    if drive is not None:
        return drive(settings, search=nested_search, out=out, run=run)
    task = get_task(settings.task)
    check_settings(settings, task)
    space = space_of(settings)
    strategy_class = STRATEGIES.get(settings.strategy)
    seed_everything(settings.seed)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    data = open_training_data(settings, task, SHARES)
    if strategy_class.differentiable:
        learner: Any = _supernet_learner(space, task, settings, data)
        steps = settings.train
    else:
        strategy: DiscreteStrategy = strategy_class(settings.search, space, settings.seed)
        learner = TrialLearner(space, task, strategy, settings, data)
        steps = settings.train.model_copy(
            update={
                "steps": settings.search.trials,
                "log_every": 1,
                "validate_every": settings.search.trials,
                "checkpoint_every": 1,
            }
        )
    if run is None:  # only now: settings that cannot work together leave no folder behind
        run = Run.begin(out or Path("runs") / default_name(settings, space), "search", settings)
        run.write_text("space.json", json.dumps(space.document, indent=2) + "\n")
        run.write_text("data.json", json.dumps(data.names, indent=2) + "\n")
        if run.finished:  # a rank died when all was done, and torchrun restarted the others
            return _finished(run)
    if not strategy_class.differentiable:
        learner.prepare(run.folder, nested_search)
    scores = train(learner, run, steps, f"search {space.name} {task.name} {settings.strategy}").scores
    genotype = with_provenance(learner.genotype(), settings, run.folder.name)
    distributed.lead(lambda: genotype.save(run.folder / "genotype.json"))
    if not strategy_class.differentiable:
        learner.export(run.folder)
    digest = ""
    if strategy_class.differentiable:
        file = run.folder / "weights.safetensors"
        digest = distributed.lead(
            lambda: save_weights(file, learner.supernet, kind="supernet", task=task.name, space=space.document)
        )
    seconds = time.monotonic() - started
    run.write_summary(
        {"genotype": genotype.hash, "weights": digest, "scores": scores, "seconds_of_last_part": round(seconds, 1)}
    )
    return SearchResult(run.folder, genotype, digest, scores, seconds)


def nested_search(settings: SearchSettings, folder: Path) -> Path:
    """A search inside a search: begun in ``folder``, or continued there; returns the folder of the finished run."""
    if (folder / "config.yaml").is_file():
        return search(resume=folder).run
    return search(settings, out=folder).run


def plan(settings: SearchSettings) -> tuple[Any, Task, SearchSettings, dict[str, int]]:
    """What ``search`` would train, without training: the network, its task, the settings, images by part."""
    load_plugins(settings.plugins)
    task = get_task(settings.task)
    check_settings(settings, task)
    space = space_of(settings)
    strategy_class = STRATEGIES.get(settings.strategy)
    if strategy_class.differentiable:
        costs_for_limits(space, settings)  # limits that nothing keeps are said here too
        model = space.supernet(task, **strategy_class(settings.search, settings.train).supernet_options())
    else:
        model = space.network(space.sample(settings.seed), task)
    data = open_training_data(settings, task, SHARES)
    return model, task, settings, {part: len(pairs) for part, pairs in data.parts.items()}


def _supernet_learner(space: Space, task: Task, settings: SearchSettings, data: TrainingData) -> SupernetLearner:
    strategy = STRATEGIES.get(settings.strategy)(settings.search, settings.train)
    supernet = space.supernet(task, **strategy.supernet_options())
    learner = SinglePathLearner if strategy.chooses_at_end else SupernetLearner
    return learner(
        space, supernet, strategy, data.batches("weights"), data.batches("architecture"), settings, data.validate
    )
