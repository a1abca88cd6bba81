"""From a run to its genotype: of a finished search as written, of an unfinished one from its newest state."""

from __future__ import annotations

from pathlib import Path

from nas.config.runs import SearchSettings
from nas.config.search import LimitSettings
from nas.engines.provenance import with_provenance
from nas.engines.setup import space_of
from nas.errors import NasError, UsageError
from nas.models.weights import load_strict
from nas.registry import STRATEGIES
from nas.space import Genotype
from nas.supernet import Supernet
from nas.train.run import Run
from nas.train.state import load_state


def derive(run: str | Path, out: str | Path | None = None, limits: LimitSettings | None = None) -> Genotype:
    """The genotype of a search run; written to ``out`` as JSON when given.

    Per edge the candidate of largest weight, zero blocks excluded (JSNet specification section 8). Under limits,
    those of the run and over them those of ``limits``, the likeliest genotype that keeps all of them. Raises
    NasError when the search has not yet saved a state, or when no genotype keeps the limits.
    """
    opened = Run.open(run)
    settings = opened.expect(SearchSettings)
    stated = {k: v for k, v in (limits or LimitSettings()).model_dump().items() if v is not None}
    if opened.finished and not stated:
        genotype = Genotype.load(opened.folder / "genotype.json")
    else:
        merged = LimitSettings.model_validate({**settings.limits.model_dump(), **stated})
        settings = settings.model_copy(update={"limits": merged})
        genotype = with_provenance(_likeliest(opened, settings, bool(stated)), settings, opened.folder.name)
    if out is not None:
        genotype.save(out)
    return genotype


def _likeliest(run: Run, settings: SearchSettings, limited: bool) -> Genotype:
    from nas.engines.setup import costs_for_limits
    from nas.objectives.optimum import best_within

    strategy = STRATEGIES.get(settings.strategy)
    if limited and (not strategy.differentiable or strategy.chooses_at_end):
        raise UsageError(
            f"a {settings.strategy!r} search has no probabilities to derive from under a new limit; search again "
            "with the limit (nas search ... --max-params)"
        )
    costs = costs_for_limits(space_of(settings), settings)
    supernet = _supernet(run, settings)
    return supernet.genotype() if costs is None else best_within(supernet, costs, settings.limits)


def _supernet(run: Run, settings: SearchSettings) -> Supernet:
    """The supernet of a run as it stands, from its weights file or its newest state."""
    from safetensors.torch import load_file

    strategy = STRATEGIES.get(settings.strategy)
    weights = run.folder / "weights.safetensors"
    state = None if run.finished else load_state(run.states)
    unfinished = not run.finished and (state is None or state["learner"].get("compared", 1) == 0)
    if not strategy.differentiable or unfinished:
        raise NasError(
            f"run {str(run.folder)!r} has nothing to derive from yet; continue it with "
            f"'nas search --resume {run.folder}'"
        )
    supernet: Supernet = space_of(settings).supernet(
        settings.task, **strategy(settings.search, settings.train).supernet_options()
    )
    found = load_file(str(weights)) if state is None else state["learner"]["supernet"]
    load_strict(supernet, found, str(run.folder))
    return supernet
