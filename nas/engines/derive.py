"""From a run to its genotype: of a finished search as written, of an unfinished one from its newest state."""

from __future__ import annotations

from pathlib import Path

from nas.config.runs import SearchSettings
from nas.config.search import LimitSettings
from nas.engines.result import with_provenance
from nas.engines.setup import constraint_costs, space_of
from nas.errors import UsageError
from nas.estimators.supernets import supernet_of
from nas.objectives.optimum import best_within
from nas.registry import STRATEGIES
from nas.space import Genotype
from nas.train.run import Run


def derive(run: str | Path, out: str | Path | None = None, limits: LimitSettings | None = None) -> Genotype:
    """The genotype of a search run.

    Per edge the candidate of largest weight, zero blocks excluded (JSNet specification section 8). Under limits, the
    likeliest genotype that keeps all of them.

    Args:
        run: The run folder, finished or not.
        out: JSON file to write the genotype to.
        limits: Hard limits over those that the run was searched with.

    Returns:
        The genotype, with its provenance.

    Raises:
        UsageError: New limits are given for a search that has no probabilities to derive from.
        NasError: The search has not yet saved a state, or no genotype keeps the limits.
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
    strategy = STRATEGIES.get(settings.strategy)
    if limited and (not strategy.differentiable or strategy.chooses_at_end):
        raise UsageError(
            f"a {settings.strategy!r} search has no probabilities to derive from under a new limit; search again "
            "with the limit (nas search ... --max-params)"
        )
    costs = constraint_costs(space_of(settings), settings)
    supernet = supernet_of(run)
    return supernet.genotype() if costs is None else best_within(supernet, costs, settings.limits)
