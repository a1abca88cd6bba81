"""What a search leaves behind."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nas.config.runs import SearchSettings
from nas.space import Genotype, Space
from nas.train.run import Run


@dataclass(frozen=True)
class SearchResult:
    """A finished search. ``weights_hash`` is of the supernet ("" for discrete strategies); scores in dB."""

    run: Path
    genotype: Genotype
    weights_hash: str
    scores: dict[str, float]
    seconds: float


def _finished(run: Run) -> SearchResult:
    summary = run.summary()
    genotype = Genotype.load(run.folder / "genotype.json")
    return SearchResult(run.folder, genotype, summary["weights"], summary["scores"], 0.0)


def default_name(settings: SearchSettings, space: Space) -> str:
    """The run folder's name when none is given: what was searched, for what, how, from which seed."""
    return f"search-{space.name}-{settings.task}-{settings.strategy}-seed{settings.seed}"
