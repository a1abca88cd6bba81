"""The result of a search, and how its run is begun and finished, whichever engine carries it out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch

from nas.config.runs import SearchSettings
from nas.estimators.base import NestedSearch
from nas.names import inside
from nas.registry import ESTIMATORS, STRATEGIES
from nas.space import Genotype, Space
from nas.train import distributed
from nas.train.events import read_events, read_timing
from nas.train.frames import trials_frame
from nas.train.loop import going_on
from nas.train.made_of import FILE as MADE_OF
from nas.train.notebook import parts_of, run_html
from nas.train.opening import opening, steps_of
from nas.train.resuming import new_record
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
        genotype: The genotype found, with its provenance.
        weights_hash: Hash of the supernet's weights; "" for searches without one.
        scores: Last validation scores by name; ``psnr`` in dB.
        seconds: Wall time of this session; 0 if the run was finished before.
    """

    run: Path
    genotype: Genotype
    weights_hash: str
    scores: dict[str, float]
    seconds: float

    def _repr_html_(self) -> str:
        """What a notebook shows: scores and main settings in a table, the validation curve, the cell that was found."""
        scores = ((f"validation {name}", f"{value:.3f}") for name, value in self.scores.items())
        rows = [("genotype", self.genotype.hash), *scores, ("seconds", f"{self.seconds:.0f}")]
        return run_html(f"search {self.run}", rows, *parts_of(self.run), self.genotype)

    def trials_frame(self) -> DataFrame:
        """The trials in the order in which they ended, a row for each; empty for a search by gradients.

        Returns:
            Columns ``step``, ``genotype`` (hash), the objectives and costs, ``state`` (complete, pruned or failed),
            ``steps``, ``seconds``, ``skip_share`` and whatever else the engine has noted.
        """
        return trials_frame(read_events(self.run), read_timing(self.run))


class Engine(Protocol):
    """Carries out a whole search."""

    def __call__(
        self, settings: SearchSettings, *, search: NestedSearch, out: str | Path | None, run: Run | None
    ) -> SearchResult:
        """Search, from the settings to a finished run.

        Args:
            settings: The whole configuration.
            search: Carries out another search inside this one.
            out: The run folder to make; None for ``runs/`` and a default name.
            run: The folder of an interrupted search, which continues there; else None.

        Returns:
            The finished search.
        """
        ...


def default_name(settings: SearchSettings, space: Space) -> str:
    """The default name of the run folder, made of space, task, strategy and seed."""
    return f"search-{space.name}-{settings.task}-{settings.strategy}-seed{settings.seed}"


def begin(settings: SearchSettings, space: Space, data: TrainingData, out: str | Path | None) -> Run:
    """Make the run folder of a search, with its space and the names of its images.

    It is called after all other preparations, so that settings that do not fit together leave no folder behind.

    Args:
        settings: The whole configuration.
        space: The search space, presets and overrides applied.
        data: The images of the search.
        out: The folder; None for ``runs/`` and the default name.

    Returns:
        The run. It is already finished if a rank died at the very end and torchrun restarted the others.
    """
    record = distributed.lead(lambda: new_record(settings, data.parts, {"space": space.hash}))
    files = {
        "space.json": json.dumps(space.document, indent=2) + "\n",
        "data.json": json.dumps(data.names, indent=2) + "\n",
        MADE_OF: record,
    }
    run = Run.begin(out or inside("runs", default_name(settings, space)), "search", settings, files)
    what = f"search space {space.name} ({space.size_in_words}) by {settings.strategy}"
    run.notes.insert(0, opening(what, settings, data.parts, _budget(settings), run.folder, distributed.ranks()))
    return run


def _budget(settings: SearchSettings) -> str:
    """How long a search lasts, in words."""
    search = settings.search
    if STRATEGIES.get(settings.strategy).differentiable:
        return steps_of(settings)
    if search.trials == 1:
        return "one genotype, which is not trained"
    trains = ESTIMATORS.get(search.estimator).trains
    each = (
        f", each trained for {steps_of(settings, search.trial_steps)}" if trains else f", judged by {search.estimator}"
    )
    return f"{search.trials} trials{each}"


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
    """Write what was found, as the last step of every engine.

    Args:
        run: The run folder.
        settings: The whole configuration.
        genotype: The genotype found.
        scores: Its scores by name.
        started: ``time.monotonic()`` at the start of this session.
        save_weights: Writes the supernet and returns the hash of its weights; None if there is no supernet.
        more: Further entries of ``summary.json``, whose presence makes the run a finished one.

    Returns:
        The result, with the provenance written into the genotype.
    """
    genotype = with_provenance(genotype, settings, run.folder.name)
    with going_on(run):
        distributed.lead(lambda: genotype.save(run.folder / "genotype.json"))
        weights = distributed.lead(save_weights) if save_weights is not None else ""
        seconds = run.finish({"genotype": genotype.hash, "weights": weights, "scores": scores, **more}, started)
    return SearchResult(run.folder, genotype, weights, scores, seconds)


def finished(run: Run) -> SearchResult:
    """The result of a run that was finished in an earlier session."""
    summary = run.summary()
    genotype = Genotype.load(run.folder / "genotype.json")
    return SearchResult(run.folder, genotype, summary["weights"], summary["scores"], 0.0)


def with_provenance(genotype: Genotype, settings: SearchSettings, run: str) -> Genotype:
    """The same genotype, of the same hash, with the run, seed, strategy, task and versions that it came from."""
    return genotype.with_provenance(
        run=run,
        seed=settings.seed,
        strategy=settings.strategy,
        task=settings.task,
        steps=settings.train.steps,
        jsnas=package_version(),
        torch=str(torch.__version__),
    )
