"""The engine of differentiable strategies: the architecture of a supernet is trained together with its weights."""

from __future__ import annotations

import time
from pathlib import Path

from nas.config.runs import SearchSettings
from nas.engines.architecture_check import architecture_notes
from nas.engines.comparing import ComparingLearner
from nas.engines.result import SearchResult, begin, finish, finished
from nas.engines.setup import SHARES, settled, space_of, use_threads
from nas.engines.supernet_learner import SupernetLearner
from nas.estimators.base import NestedSearch
from nas.models.weights import save_weights
from nas.registry import STRATEGIES
from nas.space import Space
from nas.tasks import Task, get_task
from nas.train.doubts import Doubts
from nas.train.loop import train
from nas.train.run import Run
from nas.train.state import seed_everything
from nas.train.training_data import TrainingData, check_settings, open_training_data


def search_by_gradient(
    settings: SearchSettings, *, search: NestedSearch, out: str | Path | None, run: Run | None
) -> SearchResult:
    """Train a supernet under the strategy and derive its genotype (an ``Engine``)."""
    started = time.monotonic()
    task, space = get_task(settings.task), space_of(settings, run)
    check_settings(settings, task)
    seed_everything(settings.seed)
    settings, form = settled(settings, begun=run is not None)
    start_notes = [*use_threads(settings), *form]
    data = open_training_data(settings, task, SHARES, run)
    learner = make_learner(space, task, settings, data)
    if run is None:
        run = begin(settings, space, data, out)
        if run.finished:  # a rank died at the very end, and torchrun restarted the others
            return finished(run)
    file = run.weights_file

    def save() -> str:
        return save_weights(file, learner.supernet, kind="supernet", task=task.name, space=space.document)

    with run.held():
        title = f"search {space.name} {task.name} {settings.strategy}"
        network = space.document.get("network", {})
        doubts = Doubts(data, settings.train, learner.warmup_steps, network, "overrides.")
        ending = train(learner, run, settings.train, title, start_notes, pictures=data.pictures, doubts=doubts)
        found = learner.genotype()
        notes = architecture_notes(learner.supernet, settings, ending.steps, learner.warmup_steps)
        return finish(run, settings, found.with_provenance(**notes), ending.scores, started, save_weights=save)


def make_learner(space: Space, task: Task, settings: SearchSettings, data: TrainingData) -> SupernetLearner:
    """A supernet and its strategy, ready for the training loop.

    Args:
        space: The search space.
        task: The task.
        settings: The whole configuration.
        data: The images of the search.
    """
    strategy = STRATEGIES.get(settings.strategy)(settings.search, settings.train)
    supernet = space.supernet(task, **strategy.supernet_options())
    kind = ComparingLearner if strategy.chooses_at_end else SupernetLearner
    return kind(supernet, strategy, settings, data)
