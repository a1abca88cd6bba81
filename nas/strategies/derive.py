"""From a run to its genotype: of a finished search as written, of an unfinished one from its newest state."""

from __future__ import annotations

from pathlib import Path

from nas.config import SearchSettings
from nas.errors import NasError
from nas.registry import STRATEGIES
from nas.space import Genotype, Space, load_space
from nas.strategies.provenance import with_provenance
from nas.train.run import Run
from nas.train.state import load_state


def space_of(settings: SearchSettings) -> Space:
    """The space of a search, preset and overrides applied."""
    return load_space(settings.space, preset=settings.preset, overrides=settings.overrides)


def derive(run: str | Path, out: str | Path | None = None) -> Genotype:
    """The genotype of a search run; written to ``out`` as JSON when given.

    Per edge the candidate of largest weight, zero blocks excluded (JSNet specification section 8). Raises
    NasError when the search has not yet saved a state.
    """
    opened = Run.open(run)
    settings = opened.expect(SearchSettings)
    if opened.finished:
        genotype = Genotype.load(opened.folder / "genotype.json")
    else:
        state = load_state(opened.states)
        if state is None or not STRATEGIES.get(settings.strategy).differentiable:
            raise NasError(
                f"run {str(run)!r} has nothing to derive from yet; continue it with 'nas search --resume {run}'"
            )
        options = STRATEGIES.get(settings.strategy)(settings.search, settings.train).supernet_options()
        supernet = space_of(settings).supernet(settings.task, **options)
        supernet.load_state_dict(state["learner"]["supernet"])
        genotype = with_provenance(supernet.genotype(), settings, opened.folder.name)
    if out is not None:
        genotype.save(out)
    return genotype
