"""What a search leaves behind, and how a run is begun and finished, whichever engine carries it out."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch

from nas.config.runs import SearchSettings
from nas.estimators.base import NestedSearch
from nas.space import Genotype, Space
from nas.train import distributed
from nas.train.events import read_events
from nas.train.run import Run
from nas.train.training_data import TrainingData
from nas.versions import package_version

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class SearchResult:
    """A finished search.

    Attributes:
        run: The run folder.
        genotype: What was found, with its provenance.
        weights_hash: Of the supernet; "" for searches without one.
        scores: Last validation scores, ``psnr`` in dB among them.
        seconds: Wall time of this session; 0 when the run had been finished before.
    """

    run: Path
    genotype: Genotype
    weights_hash: str
    scores: dict[str, float]
    seconds: float

    def trials_frame(self) -> DataFrame:
        """The trials in the order in which they ended, one row each; empty for a search by gradients.

        Returns:
            Columns ``step``, ``genotype`` (hash), the objectives and costs, ``state`` (complete, pruned or failed),
            ``steps``, ``seconds``, ``skip_share`` and whatever else the engine noted.
        """
        from pandas import DataFrame

        rows = [e for e in read_events(self.run) if e["kind"] == "trial"]
        return DataFrame([{k: v for k, v in row.items() if k != "kind"} for row in rows])


class Engine(Protocol):
    """Carries out a whole search.

    ``search`` carries out another search inside it; ``run`` is the folder of an interrupted search that goes on.
    """

    def __call__(
        self, settings: SearchSettings, *, search: NestedSearch, out: str | Path | None, run: Run | None
    ) -> SearchResult: ...


def default_name(settings: SearchSettings, space: Space) -> str:
    """The run folder's name when none is given: what was searched, for what, how, from which seed."""
    return f"search-{space.name}-{settings.task}-{settings.strategy}-seed{settings.seed}"


def begin(settings: SearchSettings, space: Space, data: TrainingData, out: str | Path | None) -> Run:
    """Make the run folder of a search and note in it what is searched and on which images.

    Call it last of all preparations: settings that cannot work together shall leave no folder behind.

    Args:
        settings: The whole configuration.
        space: The search space, presets and overrides applied.
        data: The images by the part they play.
        out: The folder; None for ``runs/`` and the default name.

    Returns:
        The run; it is finished already where a rank died when all was done and torchrun restarted the others.
    """
    run = Run.begin(out or Path("runs") / default_name(settings, space), "search", settings)
    run.write_text("space.json", json.dumps(space.document, indent=2) + "\n")
    run.write_text("data.json", json.dumps(data.names, indent=2) + "\n")
    return run


def finish(
    run: Run,
    settings: SearchSettings,
    genotype: Genotype,
    scores: dict[str, float],
    started: float,
    *,
    save_weights: Callable[[], str] | None = None,
    **more: Any,
) -> SearchResult:
    """Write what was found; the last thing that every engine does.

    Args:
        run: The run folder.
        settings: The whole configuration.
        genotype: What was found.
        scores: Its scores by name.
        started: ``time.monotonic()`` at the start of this session.
        save_weights: Writes the supernet and returns its hash; None where there is none.
        more: Further entries of ``summary.json``, whose presence makes the run a finished one.

    Returns:
        The result, with the provenance written into the genotype.
    """
    genotype = with_provenance(genotype, settings, run.folder.name)
    distributed.lead(lambda: genotype.save(run.folder / "genotype.json"))
    weights = distributed.lead(save_weights) if save_weights is not None else ""
    seconds = time.monotonic() - started
    summary = {"genotype": genotype.hash, "weights": weights, "scores": scores}
    run.write_summary({**summary, "seconds_of_last_part": round(seconds, 1), **more})
    return SearchResult(run.folder, genotype, weights, scores, seconds)


def finished(run: Run) -> SearchResult:
    """The result of a run that was finished before."""
    summary = run.summary()
    genotype = Genotype.load(run.folder / "genotype.json")
    return SearchResult(run.folder, genotype, summary["weights"], summary["scores"], 0.0)


def with_provenance(genotype: Genotype, settings: SearchSettings, run: str) -> Genotype:
    """The same genotype (and hash) with run, seed, strategy, task and versions noted."""
    return genotype.with_provenance(
        run=run,
        seed=settings.seed,
        strategy=settings.strategy,
        task=settings.task,
        steps=settings.train.steps,
        jsnas=package_version(),
        torch=str(torch.__version__),
    )
