"""The parts of a campaign: runs that are begun, continued or left alone, and the CPU time that each has taken."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import yaml

from nas.config.reading import build
from nas.config.runs import RetrainSettings, SearchSettings
from nas.config.search import SearchOptions
from nas.config.training import TrainSettings
from nas.engines.search import search
from nas.errors import NasError, UsageError
from nas.experiments.cpu_time import CpuTime
from nas.files import plain, write_text
from nas.registry import load_plugins
from nas.train.retrain import retrain
from nas.train.signals import listening

EXPERIMENT_FILE = "campaign.yaml"
#: the strategy of the random-search baseline (``--control random``)
RANDOM_SEARCH = "random"


@dataclass(frozen=True)
class PlannedRun:
    """One run of a campaign, in the folder of this name: a search, or a training of what ``settings.model`` names."""

    name: str
    settings: SearchSettings | RetrainSettings


def finish(folder: Path, part: PlannedRun, work: CpuTime) -> Path:
    """Bring one part to its end: kept when finished, continued from its last state when begun, else begun."""
    run = folder / part.name
    if (run / "summary.json").is_file():
        return run
    action: Callable[..., Any] = search if isinstance(part.settings, SearchSettings) else retrain
    begun = (run / "config.yaml").is_file()
    if begun and not any((run / "state").glob("step-*.sha256")):
        (run / "config.yaml").unlink()  # killed before its first state: nothing to continue from
        begun = False
    where = f"interrupted; continue with 'nas search --resume {folder}'"
    with work.measured(part.name), listening(lambda: where):
        if begun:
            action(resume=run)
        else:
            action(part.settings, out=run)
    return run


def finish_all(folder: Path, chains: Sequence[Sequence[PlannedRun]], plugins: Sequence[str], jobs: int = 1) -> None:
    """Bring all parts to their end, those of one chain one after the other, ``jobs`` chains at a time.

    More than one job means as many processes; give each its share of the cores (``threads``). The first failure
    ends the campaign, whose finished and begun parts stay for a resume.
    """
    if jobs < 1:
        raise UsageError(f"--jobs {jobs}: at least one process is needed")
    waiting = [c for c in chains if not all((folder / part.name / "summary.json").is_file() for part in c)]
    if min(jobs, len(waiting)) <= 1:
        for chain in waiting:
            _finish_chain(folder, chain, plugins)
        return
    with ProcessPoolExecutor(min(jobs, len(waiting)), mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(_finish_chain, folder, chain, plugins) for chain in waiting]
        try:
            for future in as_completed(futures):
                future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _finish_chain(folder: Path, chain: Sequence[PlannedRun], plugins: Sequence[str]) -> None:
    load_plugins(plugins)
    for part in chain:
        finish(folder, part, CpuTime(folder))


def retraining(name: str, base: SearchSettings, model: Path, seed: int) -> PlannedRun:
    """The training of what run folder ``model`` found, by the campaign's recipe."""
    recipe = base.retrain.model_dump(include=set(TrainSettings.model_fields))
    settings = RetrainSettings(
        task=base.task,
        seed=seed,
        device=base.device,
        threads=base.threads,
        data=base.data,
        plugins=base.plugins,
        model=str(model),
        network=dict(base.retrain.network),
        train=TrainSettings.model_validate(recipe),
    )
    return PlannedRun(name, settings)


def random_genotype(name: str, base: SearchSettings, seed: int) -> PlannedRun:
    """A random genotype of the space (under its limits), drawn without training anything."""
    settings = build(
        SearchSettings,
        base.model_dump(mode="json"),
        strategy=RANDOM_SEARCH,
        seed=seed,
        search__trials=1,
        search__objectives=["psnr"],
        search__estimator=SearchOptions().estimator,
    )
    # the time limit of a search has no meaning here, and the trial belongs to no shared study
    train = settings.train.model_copy(update={"time": None})
    study = settings.study.model_copy(update={"storage": None, "workers": 0})
    return PlannedRun(name, settings.model_copy(update={"train": train, "study": study}))


def begin(folder: Path, document: Mapping[str, Any]) -> None:
    """Write ``campaign.yaml``; a folder that holds a campaign or a run is never written over."""
    for name in (EXPERIMENT_FILE, "config.yaml"):
        if (folder / name).exists():
            raise UsageError(
                f"{str(folder)!r} already holds a run; continue it with --resume {folder} or choose another --out"
            )
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / EXPERIMENT_FILE, yaml.safe_dump(plain(document), sort_keys=False))


def read_document(folder: Path) -> dict[str, Any]:
    """What ``begin`` wrote; a folder without it is a UsageError."""
    path = folder / EXPERIMENT_FILE
    if not path.is_file():
        raise UsageError(f"{str(folder)!r} is not the folder of a campaign: it has no {EXPERIMENT_FILE}")
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise NasError(f"{str(path)!r} is not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(document, dict) or "kind" not in document:
        raise NasError(f"{str(path)!r} does not say what kind of campaign it is; is it one of ours?")
    return document
