"""The genotype of a search run: the one written by a finished search, or that of the newest state."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from nas.config.runs import SearchSettings
from nas.config.search import LimitSettings
from nas.engines.architecture_check import architecture_notes
from nas.engines.perturbation import select_by_perturbation
from nas.engines.result import with_provenance
from nas.engines.setup import SHARES, constraint_costs, space_of, use_threads
from nas.errors import UsageError, did_you_mean
from nas.estimators.supernets import supernet_of
from nas.objectives.optimum import best_within
from nas.registry import STRATEGIES
from nas.space import Genotype
from nas.supernet import Supernet
from nas.tasks import get_task
from nas.train.recorded import recorded_genotype
from nas.train.run import Run
from nas.train.training_data import open_training_data

#: how a genotype is selected from a supernet: by its architecture variables, or by what a removal costs
SELECTIONS = ("weights", "perturbation")


def derive(
    run: str | Path,
    out: str | Path | None = None,
    limits: LimitSettings | None = None,
    select: str = "weights",
) -> Genotype:
    """The genotype of a search run.

    On each edge it is the candidate of the largest weight, ``none`` excluded (JSNet specification section 8); under
    limits it is the most probable genotype that keeps all of them.

    Args:
        run: The run folder, finished or not.
        out: JSON file to write the genotype to.
        limits: Hard limits, which replace those of the search one by one.
        select: ``weights``: as above; ``perturbation``: on each edge the candidate whose removal costs the supernet
            most (``nas.engines.perturbation``), for every strategy with a supernet.

    Returns:
        The genotype, with its provenance.

    Raises:
        UsageError: There is no such selection, or no supernet for it; or new limits are given, but the search has no
            probabilities to derive a genotype from.
        NasError: The search has saved no state yet, or no genotype keeps the limits.
    """
    opened = Run.open(run)
    settings = opened.expect(SearchSettings)
    stated = {k: v for k, v in (limits or LimitSettings()).model_dump().items() if v is not None}
    if select not in SELECTIONS:
        raise UsageError(f"unknown selection {select!r}; {did_you_mean(select, SELECTIONS)}")
    if select == "perturbation":
        merged = LimitSettings.model_validate({**settings.limits.model_dump(), **stated})
        settings = settings.model_copy(update={"limits": merged})
        genotype = with_provenance(_by_perturbation(opened, settings), settings, opened.folder.name)
        genotype = genotype.with_provenance(selection=select)
    elif opened.finished and not stated:
        genotype = Genotype.load(opened.folder / "genotype.json")
    else:
        merged = LimitSettings.model_validate({**settings.limits.model_dump(), **stated})
        settings = settings.model_copy(update={"limits": merged})
        genotype = with_provenance(_most_probable(opened, settings, bool(stated)), settings, opened.folder.name)
    if out is not None:
        genotype.save(out)
    return genotype


def _most_probable(run: Run, settings: SearchSettings, limited: bool) -> Genotype:
    strategy = STRATEGIES.get(settings.strategy)
    if limited and (not strategy.differentiable or strategy.chooses_at_end):
        raise UsageError(
            f"a {settings.strategy!r} search has no probabilities to derive from under a new limit; search again "
            "with the limit (nas search ... --max-params)"
        )
    costs = constraint_costs(space_of(settings, run), settings)
    supernet = supernet_of(run)
    found = supernet.genotype() if costs is None else best_within(supernet, costs, settings.limits)
    return found.with_provenance(**_notes(run, settings, supernet))


def _by_perturbation(run: Run, settings: SearchSettings) -> Genotype:
    strategy = STRATEGIES.get(settings.strategy)
    if not strategy.differentiable:
        raise UsageError(f"a {settings.strategy!r} search has no supernet whose candidates could be removed")
    use_threads(settings)
    supernet = supernet_of(run).eval()
    data = open_training_data(settings, get_task(settings.task), SHARES, run)
    costs = constraint_costs(space_of(settings, run), settings)
    with torch.no_grad():
        found, _ = select_by_perturbation(
            supernet, strategy.relaxed, data.validate, settings.seed, costs, settings.limits
        )
    return found.with_provenance(**({} if strategy.chooses_at_end else _notes(run, settings, supernet)))


def _notes(run: Run, settings: SearchSettings, supernet: Supernet) -> dict[str, Any]:
    """How far the architecture was trained: by the genotype of a finished search, or by its newest state."""
    strategy = STRATEGIES.get(settings.strategy)
    own = recorded_genotype(run.folder) if run.finished else None
    if own is not None and "architecture_steps" in own.provenance:
        steps, taken = (int(own.provenance[key]) for key in ("steps", "architecture_steps"))
        return architecture_notes(supernet, settings, steps, steps - taken)
    steps = run.newest_step() or (settings.train.steps if run.finished else 0)
    warmup = strategy(settings.search, settings.train).settings.warmup
    return architecture_notes(supernet, settings, steps, round(warmup * settings.train.steps))
