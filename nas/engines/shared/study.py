"""The engine of one discrete search that many processes share: ``nas search --storage`` or ``--workers``.

The process that starts the search makes the study or joins an existing one. It starts local workers or evaluates
trials itself, waits until every trial is spent, and writes the usual run folder from the rows of the study. Workers
(``joining``) may come and go at any time; the trial budget stays exact (``trial_budget``).
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

import optuna

from nas.config.runs import SearchSettings
from nas.engines.evaluator import Evaluator
from nas.engines.result import SearchResult, begin, default_name
from nas.engines.shared.definition import PREFIX, Definition
from nas.engines.shared.proposals import trial_budget_of
from nas.engines.shared.record import StudyLog, write_result
from nas.engines.shared.storage import open_storage
from nas.engines.shared.storage_base import SharedStorage, call_unwarned
from nas.engines.shared.trial_budget import TrialBudget
from nas.engines.shared.worker_pool import STORAGE_VARIABLE, WorkerPool
from nas.engines.shared.workers import POLL, work
from nas.errors import UsageError
from nas.estimators.base import NestedSearch
from nas.names import MASK, inside, masked
from nas.progress import Progress, progress
from nas.registry import STRATEGIES
from nas.signals import listening
from nas.space import Space
from nas.strategies.optuna_sampler import directions_of, quiet_log
from nas.train.events import Events
from nas.train.run import Run

#: journal of a search with --workers but without --storage, in its run folder
JOURNAL = "study.journal"


def shared_search(
    settings: SearchSettings, *, search: NestedSearch, out: str | Path | None, run: Run | None
) -> SearchResult:
    """Search by trials whose budget many processes share (an ``Engine``).

    Args:
        settings: The search; ``settings.study`` says where the study lives and how many workers are started here.
        search: Carries out another search inside this one.
        out: The run folder to make; None for ``runs/`` and the study's name.
        run: The folder of an interrupted search, which continues with the same study; else None.

    Returns:
        The finished search.

    Raises:
        UsageError: The search cannot be shared, or the study belongs to another search.
        NasError: The storage cannot be reached, or the workers keep dying.
        Interrupted: SIGINT or SIGTERM; running trials are returned and local workers dismissed before.
    """
    started = time.monotonic()
    evaluator = Evaluator(settings, run=run)
    resumed = run is not None
    _check(settings, evaluator.space)
    name = settings.study.name or default_name(settings, evaluator.space)
    address = _address(settings, run)
    if run is None:
        if address is None:
            address = str(Path(out or inside("runs", name)) / JOURNAL)
            settings = settings.model_copy(update={"study": settings.study.model_copy(update={"storage": address})})
        study_settings = settings.study.model_copy(update={"storage": masked(address), "name": name})
        kept = settings.model_copy(update={"study": study_settings})
        run = begin(kept, evaluator.space, evaluator.data, out or inside("runs", name))
    assert address is not None
    with run.held():
        evaluator = _prepared(evaluator, run, search)
        with quiet_log(), contextlib.closing(open_storage(address, settings.study.heartbeat)) as shared:
            if settings.study.workers and not shared.many:
                raise UsageError(
                    f"{shared.kind} serves one process, so --workers {settings.study.workers} cannot share it; leave "
                    "out --workers, or give --storage the path of a journal file"
                )
            budget = trial_budget_of(shared, study_of(shared, name, evaluator, resumed), evaluator)
            _spend(budget, evaluator, run)
            return write_result(budget, evaluator, run, started)


def _spend(budget: TrialBudget, evaluator: Evaluator, run: Run) -> None:
    """Have all trials evaluated, with log and progress bar."""
    title = f"search {evaluator.space.name} {evaluator.task.name} {evaluator.settings.strategy}"
    with contextlib.closing(Events(run.folder)) as events:
        log = StudyLog(budget, evaluator, events)
        with progress(title, budget.budget, done=log.update()) as bar:
            how = _how_to_join(budget.shared, budget.study.study_name)
            for note in (*run.notes, *evaluator.notes, how, *([events.damage] if events.damage else [])):
                bar.note(note)
            _run_trials(budget, evaluator, log, bar, run)
        log.close()


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
    """Whether a strategy has a sampler with which many workers can search as it does.

    Args:
        name: Registered name of the strategy.
        settings: The search in which it is asked for.
    """
    strategy = STRATEGIES.get(name)
    if strategy.differentiable or strategy.external:
        return False
    return strategy.sampler(settings.search, settings.seed, settings.seed) is not None


def _prepared(evaluator: Evaluator, run: Run, search: NestedSearch) -> Evaluator:
    """Make what all workers share (a supernet to inherit from), and note in the settings where they find it."""
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
    """An address that can be opened: the run folder keeps no password, so it comes from the environment."""
    address = settings.study.storage
    if address is not None and MASK in address:
        found = os.environ.get(STORAGE_VARIABLE)
        if not found:
            raise UsageError(
                f"the password of {address} is not kept in the run folder; set {STORAGE_VARIABLE} to the whole address "
                "(or keep the password in ~/.pgpass)"
            )
        return found
    if run is not None:
        own = run.folder / JOURNAL
        moved = address is not None and "://" not in address and not Path(address).exists() and own.exists()
        if address is None or moved:  # the journal moves with its run folder
            return str(own)
    return address


def study_of(shared: SharedStorage, name: str, evaluator: Evaluator, resumed: bool = False) -> optuna.Study:
    """The study of a search: made by the first search of this name and joined by every later one.

    Args:
        shared: Where it is stored.
        name: Its name.
        evaluator: Of the search.
        resumed: The search goes on with its study; then it may give it more trials or more time.
    """
    mine = Definition.of(evaluator)
    with shared.exclusive(name):
        study = optuna.create_study(
            study_name=name,
            storage=shared.optuna_storage,
            directions=directions_of(evaluator.settings.search),
            load_if_exists=True,
        )
        # a process may have died between making the study and describing it
        if PREFIX + "format" not in study.user_attrs and not study.get_trials(deepcopy=False):
            for key, value in reversed(mine.attributes().items()):
                study.set_user_attr(key, value)
            call_unwarned(study.set_metric_names, list(evaluator.objectives))
        elif resumed:
            theirs = Definition.read(study.user_attrs, name)
            if (longer := theirs.with_budget(mine.settings)) != theirs:
                for key, value in longer.attributes().items():
                    study.set_user_attr(key, value)
    Definition.read(study.user_attrs, name).check(mine, name)
    return study


def _local_words(settings: SearchSettings) -> list[str]:
    """What local workers are told besides the study: where this process has found things."""
    words = [word for path in settings.data.path for word in ("--data", path)]
    words += [word for plugin in settings.plugins for word in ("--plugin", plugin)]
    return [*words, "--device", settings.device]


def _how_to_join(shared: SharedStorage, name: str) -> str:
    if not shared.many:
        return f"study {name!r} in {masked(shared.url)}"
    return f"study {name!r}; more workers can join with: nas worker --storage {masked(shared.url)} --study {name}"


def _run_trials(budget: TrialBudget, evaluator: Evaluator, log: StudyLog, bar: Progress, run: Run) -> None:
    """Return when every trial is spent: by this process, or by a local worker pool (and by whoever else joins)."""

    def show() -> None:
        bar.advance(log.update(), detail=log.best_text())

    study = evaluator.settings.study
    if not study.workers:
        work(budget, evaluator, lambda claim: show())
        show()
        return
    pool = WorkerPool(
        study.workers,
        budget.shared.url,
        budget.study.study_name,
        run.folder / "workers",
        evaluator.settings.threads,
        _local_words(evaluator.settings),
    )
    where = f"interrupted, its workers were dismissed; continue with 'nas search --resume {run.folder}'"
    with listening(lambda: where, at_once=False) as heard, pool:
        while not budget.done():
            if heard.received:
                raise heard.interruption()
            pool.replace_dead(bar.note)
            show()
            time.sleep(POLL)
        show()
