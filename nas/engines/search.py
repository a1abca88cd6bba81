"""``nas search``: from a space, a task and a strategy to a run folder with a genotype.

``search`` chooses the engine that carries out the search: by gradients (``gradient``), by trials in this process
(``trials``), by a study that many workers share (``shared``), or the strategy's own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn

from nas.config.owners import refuse_foreign, with_owned_settings
from nas.config.reading import build
from nas.config.runs import SearchSettings
from nas.engines.gradient import search_by_gradient
from nas.engines.result import Engine, SearchResult, finished
from nas.engines.setup import SHARES, constraint_costs, space_of, with_budget
from nas.engines.shared.study import shared_search
from nas.engines.trials import search_by_trials
from nas.errors import NasError, UsageError
from nas.registry import STRATEGIES, load_plugins
from nas.tasks import get_task
from nas.train import distributed
from nas.train.made_of import MadeOf
from nas.train.plan import Plan
from nas.train.recorded import recorded_space
from nas.train.resuming import Resumption, accept, open_resumption
from nas.train.run import Run
from nas.train.teacher import teacher_of
from nas.train.training_data import check_settings, open_training_data


@distributed.process_group()
def search(
    settings: SearchSettings | None = None,
    *,
    out: str | Path | None = None,
    resume: str | Path | None = None,
    assign: Sequence[str] = (),
    force: bool = False,
    **flags: Any,
) -> SearchResult:
    """Search for an architecture until the budget is spent.

    Under torchrun the processes train one supernet together (``nas.train.distributed``): ``data.batch`` counts for each
    process, rank 0 writes, and all processes return the same result. Strategies without gradients refuse torchrun.

    Args:
        settings: The whole configuration; None builds it from ``flags``.
        out: The run folder to make; None for ``runs/`` and a name made of space, task, strategy and seed.
        resume: Run folder of a search to go on with. Its settings come from its config.yaml; ``flags`` and ``assign``
            change some of them (``nas.config.changes``), and a finished search goes on if it gets more steps or trials.
        assign: Assignments ``a.b=value``.
        force: Resume although images, space, plug-ins or versions differ from the recorded ones.
        flags: Settings by name (``space="jsm"``, ``train__steps=500``).

    Returns:
        The finished search: its run folder, genotype and scores.

    Raises:
        UsageError: The settings are wrong or do not fit together.
        NasError: The search failed.
    """
    if resume is not None:
        found = open_resumption(resume, SearchSettings, flags, assign, force)
        if found.done:
            return finished(found.run)
        engine = engine_of(found.settings)
        with found.run.held():
            return engine(accept_search(found), search=nested_search, out=None, run=found.run)
    if settings is None:
        settings = build(SearchSettings, assignments=assign, **flags)
        refuse_foreign(settings)
    load_plugins(settings.plugins)
    settings = with_owned_settings(settings)
    settings = with_budget(settings, space_of(settings))
    return engine_of(settings)(settings, search=nested_search, out=out, run=None)


def accept_search(found: Resumption[SearchSettings], dry_run: bool = False) -> SearchSettings:
    """Compare a search that goes on with what it was made of (``nas.train.resuming.accept``).

    Args:
        found: The run and the changes.
        dry_run: Write nothing.

    Returns:
        The settings to go on with.

    Raises:
        UsageError: Something differs, and ``force`` was not given.
    """
    run, settings = found.run, found.settings
    task = get_task(settings.task)
    check_settings(settings, task)
    own = recorded_space(run.folder)
    try:
        named = space_of(settings)
    except NasError:  # the document is not here: the recorded one is the space
        if own is None:
            raise
        named = own
    record = MadeOf.read(run.folder)
    began = record.structure.get("space") if record is not None else None
    # either may have been edited since: the document that the settings name, or the copy in the run folder
    suspect = next((s for s in (own, named) if s is not None and began is not None and s.hash != began), named)
    accepted = accept(found, task, SHARES, {"space": suspect.hash}, dry_run=dry_run)
    if not dry_run:
        run.complete({"space.json": json.dumps((own or named).document, indent=2) + "\n"})
    return accepted


def engine_of(settings: SearchSettings) -> Engine:
    """The engine that the settings ask for.

    Raises:
        UsageError: The strategy cannot be carried out as asked (shared, or by several ranks).
    """
    strategy = STRATEGIES.get(settings.strategy)
    if not strategy.differentiable:
        distributed.refuse(
            f"strategy {settings.strategy!r}",
            "it proposes whole genotypes, which --workers N shares among processes here and --storage URL anywhere",
        )
    shared = settings.study.storage is not None or settings.study.workers > 0
    if strategy.external and shared:
        raise UsageError(
            f"strategy {settings.strategy!r} has an engine of its own and shares no study; leave out --storage and "
            "--workers"
        )
    if strategy.external:
        own: Engine = strategy.carry_out
        return own
    if shared:  # which refuses strategies that cannot be shared
        return shared_search
    return search_by_gradient if strategy.differentiable else search_by_trials


def nested_search(settings: SearchSettings, folder: Path) -> Path:
    """A search inside a search.

    Args:
        settings: The inner search.
        folder: Where it begins, or continues if it was interrupted there.

    Returns:
        The folder of the finished run.
    """
    if (folder / "config.yaml").is_file():
        return search(resume=folder).run
    return search(settings, out=folder).run


def plan_search(
    settings: SearchSettings | None = None,
    *,
    resume: str | Path | None = None,
    assign: Sequence[str] = (),
    force: bool = False,
    **flags: Any,
) -> Plan:
    """What ``search`` would train with the same arguments; nothing is trained or written.

    Args:
        settings: The whole configuration; None builds it from ``flags``.
        resume: Run folder of a search to go on with.
        assign: Assignments ``a.b=value``.
        force: As for ``search``.
        flags: Settings by name.

    Returns:
        The supernet (or a random network of the space, for strategies without gradients), its task, the settings, and
        the number of images of each part of the data.
    """
    run: Run | None = None
    notes: tuple[str, ...] = ()
    if resume is not None:
        found = open_resumption(resume, SearchSettings, flags, assign, force)
        run, settings = found.run, accept_search(found, dry_run=True)
        by_steps = STRATEGIES.get(settings.strategy).differentiable
        notes = (found.stands(settings.train.steps if by_steps else settings.search.trials), *run.notes)
    elif settings is None:
        settings = build(SearchSettings, assignments=assign, **flags)
    load_plugins(settings.plugins)
    settings = with_owned_settings(settings)
    task = get_task(settings.task)
    check_settings(settings, task)
    teacher_of(settings, task)  # refuses one that does not fit
    space = space_of(settings, run)
    settings = with_budget(settings, space) if run is None else settings
    strategy = STRATEGIES.get(settings.strategy)
    model: nn.Module
    if strategy.differentiable:
        constraint_costs(space, settings)  # refuses limits that no genotype keeps
        model = space.supernet(task, **strategy(settings.search, settings.train).supernet_options())
    else:
        model = space.network(space.sample(settings.seed), task)
    data = open_training_data(settings, task, SHARES, run)
    return Plan(model, task, settings, {part: len(pairs) for part, pairs in data.parts.items()}, notes)
