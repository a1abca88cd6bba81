"""One discrete search shared by many processes: ``nas search --storage``, and ``nas worker`` wherever it runs.

The driver makes the study (or joins it), starts local workers or works itself, watches until every slot is spent
and writes the usual run folder from the study's rows. Workers come and go; the budget stays exact (``slots``).
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import Any

import optuna

from nas.config.runs import SearchSettings
from nas.engines.evaluator import Evaluator
from nas.engines.result import SearchResult, begin, default_name
from nas.engines.shared.definition import PREFIX, Definition
from nas.engines.shared.proposals import Proposer
from nas.engines.shared.record import StudyLog, write_result
from nas.engines.shared.storage import open_storage
from nas.engines.shared.storage_base import SharedStorage, masked, quiet
from nas.engines.shared.trial_budget import Claim, TrialBudget
from nas.engines.shared.worker_pool import STORAGE_VARIABLE, WorkerPool
from nas.engines.shared.workers import POLL, work
from nas.errors import UsageError, did_you_mean
from nas.estimators.base import NestedSearch
from nas.progress import Progress, progress
from nas.registry import ESTIMATORS, STRATEGIES, load_plugins
from nas.space import Space
from nas.strategies.optuna_sampler import directions_of
from nas.strategies.optuna_sampler import quiet as quiet_log
from nas.train.events import Events
from nas.train.run import Run

#: journal of a search with --workers but without --storage, inside its run folder
JOURNAL = "study.journal"


def shared_search(
    settings: SearchSettings, *, search: NestedSearch, out: str | Path | None, run: Run | None
) -> SearchResult:
    """The driver. ``run``: the folder of an interrupted one, which goes on with the same study.

    Raises UsageError for what cannot be shared, and when the study is another search; NasError when the storage
    is out of reach or the workers die again and again.
    """
    started = time.monotonic()
    evaluator = Evaluator(settings)
    _check(settings, evaluator.space)
    name = settings.study.name or default_name(settings, evaluator.space)
    address = _address(settings, run)
    if run is None:
        if address is None:
            address = str(Path(out or Path("runs") / name) / JOURNAL)
            settings = settings.model_copy(update={"study": settings.study.model_copy(update={"storage": address})})
        study_settings = settings.study.model_copy(update={"storage": masked(address), "name": name})
        kept = settings.model_copy(update={"study": study_settings})
        run = begin(kept, evaluator.space, evaluator.data, out or Path("runs") / name)
    assert address is not None
    evaluator = _prepared(evaluator, run, search)
    with quiet_log(), contextlib.closing(open_storage(address, settings.study.heartbeat)) as shared:
        if settings.study.workers and not shared.many:
            raise UsageError(
                f"{shared.kind} serves one process, so --workers {settings.study.workers} cannot share it; leave out "
                "--workers, or give --storage the path of a journal file"
            )
        study = _made(shared, name, evaluator)
        budget = trial_budget_of(shared, study, evaluator)
        title = f"search {evaluator.space.name} {evaluator.task.name} {settings.strategy}"
        with contextlib.closing(Events(run.folder)) as events:
            log = StudyLog(budget, evaluator, events)
            with progress(title, budget.budget, done=log.update()) as bar:
                bar.note(_invitation(shared, name))
                _drive(budget, evaluator, log, bar, run)
            log.close()
        return write_result(budget, evaluator, run, started)


def worker(
    storage: str,
    name: str,
    *,
    data: list[str] | None = None,
    plugins: list[str] | None = None,
    device: str | None = None,
    threads: int | None = None,
    supernet: str | None = None,
    dry_run: bool = False,
) -> int:
    """Work on study ``name`` until it is done; returns the number of trials done here.

    data, plugins, device, threads, supernet: where they lie or what they are on this machine, when other than the
    driver said. dry_run: only see whether this process would be let in. Raises UsageError when there is no such
    study, or when space, plugins, images or code differ.
    """
    with quiet_log(), contextlib.closing(open_storage(storage)) as shared:
        study = _loaded(shared, name)
        definition = Definition.read(study.user_attrs, name)
        shared.beat_every(definition.settings.study.heartbeat)
        settings = _here(definition.settings, data, plugins, device, threads, supernet)
        load_plugins(settings.plugins)
        evaluator = Evaluator(settings, definition.space())
        definition.check(Definition.of(evaluator), name)
        budget = trial_budget_of(shared, study, evaluator)
        if dry_run:
            return 0
        evaluator.estimator.prepare(None, _no_nested_search)
        with progress(f"worker of {name}", budget.budget, done=len(budget.spent())) as bar:
            return work(budget, evaluator, lambda claim: bar.advance(detail=f"trial {claim.slot + 1}"))


def _no_nested_search(settings: SearchSettings, folder: Path) -> Path:
    raise UsageError("a worker trains no supernet of its own; name a trained one with --supernet")


def trial_budget_of(shared: SharedStorage, study: optuna.Study, evaluator: Evaluator) -> TrialBudget:
    """The slots of a study, with proposals by the search's sampler, within its limits."""
    settings, space = evaluator.settings, evaluator.space
    propose = Proposer(settings, space, evaluator.constraints)
    return TrialBudget(shared, study, space, settings.search.trials, propose, settings.train.time)


def _check(settings: SearchSettings, space: Space) -> None:
    if not shareable(settings.strategy, settings):
        able = [name for name in STRATEGIES.names() if shareable(name, settings)]
        raise UsageError(
            f"strategy {settings.strategy!r} cannot be shared by --storage or --workers; "
            f"those that can: {', '.join(able)}"
        )
    if settings.search.trials > space.size():
        raise UsageError(
            f"space {space.name!r} has {space.size()} genotypes, fewer than the {settings.search.trials} trials asked "
            "for; lower --trials"
        )


def shareable(name: str, settings: SearchSettings) -> bool:
    """Whether a strategy has a sampler by which many workers can search as it does."""
    strategy = STRATEGIES.get(name)
    if strategy.differentiable or strategy.external:
        return False
    return strategy.sampler(settings.search, settings.seed, settings.seed) is not None


def _prepared(evaluator: Evaluator, run: Run, search: NestedSearch) -> Evaluator:
    """Make what all workers share (a supernet to inherit from), and say in the settings where they find it."""
    estimator = evaluator.estimator
    if not estimator.shares:
        if not evaluator.settings.study.workers:  # this process does the trials
            estimator.prepare(run.folder, search)
        return evaluator
    estimator.prepare(run.folder, search)
    changed = evaluator.settings.search.model_copy(update=estimator.for_workers())
    prepared = Evaluator(evaluator.settings.model_copy(update={"search": changed}))
    prepared.estimator.prepare(run.folder, search)
    return prepared


def _address(settings: SearchSettings, run: Run | None) -> str | None:
    """The storage as it can be opened; a password is not in the run folder and comes from the environment."""
    address = settings.study.storage
    if address is not None and ":***@" in address:
        found = os.environ.get(STORAGE_VARIABLE)
        if not found:
            raise UsageError(
                f"the password of {address} is not kept in the run folder; set {STORAGE_VARIABLE} to the whole address "
                "(or keep the password in ~/.pgpass)"
            )
        return found
    if address is None and run is not None:
        return str(run.folder / JOURNAL)
    return address


def _made(shared: SharedStorage, name: str, evaluator: Evaluator) -> optuna.Study:
    """The study, made by the first driver and joined by every later one."""
    mine = Definition.of(evaluator)
    with shared.exclusive(name):
        study = optuna.create_study(
            study_name=name,
            storage=shared.optuna_storage,
            directions=directions_of(evaluator.settings.search),
            load_if_exists=True,
        )
        # a driver may have died between making the study and saying what it is
        if PREFIX + "format" not in study.user_attrs and not study.get_trials(deepcopy=False):
            for key, value in reversed(mine.attributes().items()):
                study.set_user_attr(key, value)
            quiet(study.set_metric_names, list(evaluator.objectives))
    Definition.read(study.user_attrs, name).check(mine, name)
    return study


def _loaded(shared: SharedStorage, name: str) -> optuna.Study:
    try:
        return optuna.load_study(study_name=name, storage=shared.optuna_storage)
    except KeyError:
        known = optuna.get_all_study_names(shared.optuna_storage)
        raise UsageError(f"there is no study {name!r} in {masked(shared.url)}; {did_you_mean(name, known)}") from None


def _here(
    settings: SearchSettings,
    data: list[str] | None,
    plugins: list[str] | None,
    device: str | None,
    threads: int | None,
    supernet: str | None,
) -> SearchSettings:
    changed: dict[str, Any] = {}
    if data:
        changed["data"] = settings.data.model_copy(update={"path": data})
    if plugins:
        changed["plugins"] = plugins
    if device is not None:
        changed["device"] = device
    if threads is not None:
        changed["threads"] = threads
    if supernet is not None:
        if "supernet" not in ESTIMATORS.get(settings.search.estimator).local:
            raise UsageError(f"estimator {settings.search.estimator!r} inherits from no supernet; leave out --supernet")
        changed["search"] = settings.search.model_copy(update={"supernet": supernet})
    return settings.model_copy(update=changed)


def _invitation(shared: SharedStorage, name: str) -> str:
    if not shared.many:
        return f"study {name!r} in {masked(shared.url)}"
    return f"study {name!r}; further workers join by: nas worker --storage {masked(shared.url)} --study {name}"


def _drive(budget: TrialBudget, evaluator: Evaluator, log: StudyLog, bar: Progress, run: Run) -> None:
    """Until every trial is spent: by this process, or by a local worker pool (and by whoever else joins)."""
    if not evaluator.settings.study.workers:

        def tell(claim: Claim) -> None:
            bar.advance(log.update(), detail=log.best_text())

        work(budget, evaluator, tell)
        bar.advance(log.update(), detail=log.best_text())
        return
    study = evaluator.settings.study
    pool = WorkerPool(
        study.workers, budget.shared.url, budget.study.study_name, run.folder / "workers", evaluator.settings.threads
    )
    try:
        while not budget.done():
            pool.look_after(bar.note)
            bar.advance(log.update(), detail=log.best_text())
            time.sleep(POLL)
        bar.advance(log.update(), detail=log.best_text())
    finally:
        pool.dismiss()
