"""The runs of an experiment: searches and trainings that are started, continued or left alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import Any

import yaml

from nas.config.reading import build
from nas.config.runs import RetrainSettings, SearchSettings
from nas.config.search import SearchOptions
from nas.config.training import TrainSettings
from nas.documents import read_yaml
from nas.engines.search import search
from nas.errors import NasError, UsageError
from nas.experiments.cpu_time import CpuTime
from nas.files import plain, write_text
from nas.machine import starting_processes
from nas.registry import load_plugins
from nas.signals import listening, stop_if_asked
from nas.train.retrain import retrain

#: file that holds the plan of an experiment; folders with it exist, so the old name stays
EXPERIMENT_FILE = "campaign.yaml"
#: seconds between two looks at the processes of an experiment
POLL = 0.5
#: the strategy of the random-search baseline (``--control random``)
RANDOM_SEARCH = "random"


@dataclass(frozen=True)
class PlannedRun:
    """One run of an experiment.

    Attributes:
        name: Name of its folder within that of the experiment.
        settings: Those of a search, or of a training of the genotype that ``settings.model`` names.
    """

    name: str
    settings: SearchSettings | RetrainSettings


def finish_run(folder: Path, planned: PlannedRun, work: CpuTime) -> Path:
    """Finish one run: a finished one is kept, a started one continued from its last state.

    Args:
        folder: Folder of the experiment.
        planned: The run.
        work: Counts its CPU time.

    Returns:
        Folder of the run.
    """
    run = folder / planned.name
    if (run / "summary.json").is_file():
        return run
    action: Callable[..., Any] = search if isinstance(planned.settings, SearchSettings) else retrain
    started = (run / "config.yaml").is_file()
    if started and not any((run / "state").glob("step-*.sha256")):
        (run / "config.yaml").unlink()  # killed before its first state: nothing to continue from
        started = False
    hint = f"interrupted; continue with 'nas search --resume {folder}'"
    with work.measured(planned.name), listening(lambda: hint):
        if started:
            action(resume=run)
        else:
            action(planned.settings, out=run)
    return run


def finish_runs(folder: Path, sequences: Sequence[Sequence[PlannedRun]], plugins: Sequence[str], jobs: int = 1) -> None:
    """Finish all runs, those of one sequence one after the other.

    With more than one job each sequence runs in a process of its own; give each its share of the cores
    (``threads``). The first failure ends the experiment, whose runs stay for a resume.

    Args:
        folder: Folder of the experiment.
        sequences: Runs that must follow each other, e.g. a search and the training of what it finds.
        plugins: Plugins to load in every process.
        jobs: Number of sequences at a time.

    Raises:
        UsageError: ``jobs`` is below 1.
    """
    if jobs < 1:
        raise UsageError(f"--jobs {jobs}: at least one process is needed")
    waiting = [s for s in sequences if not all((folder / run.name / "summary.json").is_file() for run in s)]
    if min(jobs, len(waiting)) <= 1:
        for sequence in waiting:
            _finish_sequence(folder, sequence, plugins)
        return
    hint = f"interrupted; continue with 'nas search --resume {folder}'"
    with (
        listening(lambda: hint, at_once=False),
        starting_processes(),
        ProcessPoolExecutor(min(jobs, len(waiting)), mp_context=get_context("spawn")) as pool,
    ):
        waited = {pool.submit(_finish_sequence, folder, sequence, plugins) for sequence in waiting}
        try:
            while waited:
                done, waited = wait(waited, timeout=POLL, return_when=FIRST_EXCEPTION)
                for future in done:
                    future.result()
                stop_if_asked()
        except BaseException as ended:
            pool.shutdown(wait=False, cancel_futures=True)
            if isinstance(ended, KeyboardInterrupt):
                for child in active_children():  # they save their states, and are waited for
                    child.terminate()
            raise


def _finish_sequence(folder: Path, sequence: Sequence[PlannedRun], plugins: Sequence[str]) -> None:
    load_plugins(plugins)
    for planned in sequence:
        finish_run(folder, planned, CpuTime(folder))


def retraining_run(name: str, base: SearchSettings, model: Path, seed: int) -> PlannedRun:
    """The training of the genotype in run folder ``model``, by the recipe ``base.retrain``."""
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


def random_genotype_run(name: str, base: SearchSettings, seed: int) -> PlannedRun:
    """A search that draws one random genotype within the limits and trains nothing."""
    settings = build(
        SearchSettings,
        base.model_dump(mode="json"),
        strategy=RANDOM_SEARCH,
        seed=seed,
        search__trials=1,
        search__objectives=["psnr"],
        search__estimator=SearchOptions().estimator,
    )
    # the time of a search does not apply here, and the trial belongs to no shared study
    train = settings.train.model_copy(update={"time": None})
    study = settings.study.model_copy(update={"storage": None, "workers": 0})
    return PlannedRun(name, settings.model_copy(update={"train": train, "study": study}))


def write_plan_file(folder: Path, document: Mapping[str, Any]) -> None:
    """Create the folder of an experiment with its plan.

    Args:
        folder: Folder to create; nothing in it is ever overwritten.
        document: The plan as plain values, with its ``kind``.

    Raises:
        UsageError: The folder already holds an experiment or a run.
    """
    for name in (EXPERIMENT_FILE, "config.yaml"):
        if (folder / name).exists():
            raise UsageError(
                f"{str(folder)!r} already contains a run; continue it with --resume {folder} or choose another --out"
            )
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / EXPERIMENT_FILE, yaml.safe_dump(plain(document), sort_keys=False))


def read_plan_file(folder: Path) -> dict[str, Any]:
    """Read what ``write_plan_file`` wrote.

    Args:
        folder: Folder of the experiment.

    Returns:
        The plan as plain values.

    Raises:
        UsageError: The folder holds no plan.
        NasError: The plan is damaged.
    """
    path = folder / EXPERIMENT_FILE
    if not path.is_file():
        raise UsageError(f"{str(folder)!r} is not the folder of an experiment: it has no {EXPERIMENT_FILE}")
    try:
        document = read_yaml(path)
    except UsageError as error:  # the file is not the user's own
        raise NasError(str(error)) from None
    if not isinstance(document, dict) or "kind" not in document:
        raise NasError(f"{str(path)!r} does not name the kind of its experiment; restore it or start again")
    return document
