"""Loading the supernet of a search run."""

from __future__ import annotations

from pathlib import Path

import torch

from nas.config.runs import SearchSettings
from nas.errors import NasError, UsageError
from nas.models.tensor_files import read_safetensors
from nas.models.weights import load_strict, part_of, read_metadata
from nas.registry import STRATEGIES
from nas.space import Space, load_space, space_from_document
from nas.supernet import Supernet
from nas.tasks import Task
from nas.train.recorded import recorded_space
from nas.train.run import Run
from nas.train.state import load_state


def supernet_of(run: Run) -> Supernet:
    """The supernet of a search by gradients: from its weights file, or from the newest state of an unfinished run.

    Args:
        run: The run folder, finished or not.

    Returns:
        The supernet, on the CPU and in training mode; torch's generator is left as it was.

    Raises:
        NasError: The search has no supernet yet, or chooses its genotype only at its end.
    """
    settings = run.expect(SearchSettings)
    strategy = STRATEGIES.get(settings.strategy)
    state = None if run.finished else load_state(run.states)
    unfinished = not run.finished and (state is None or state["learner"].get("compared", 1) == 0)
    if not strategy.differentiable or unfinished:
        raise NasError(
            f"run {str(run.folder)!r} has nothing to derive from yet; continue it with "
            f"'nas search --resume {run.folder}'"
        )
    space = recorded_space(run.folder) or load_space(
        settings.space, preset=settings.preset, overrides=settings.overrides
    )
    with torch.random.fork_rng(devices=[]):
        options = strategy(settings.search, settings.train).supernet_options()
        supernet: Supernet = space.supernet(settings.task, **options)
    found = read_safetensors(run.weights_file) if state is None else state["learner"]["supernet"]
    load_strict(supernet, found, str(run.folder))
    return supernet


def load_supernet(run_folder: str | Path, space: Space, task: Task) -> Supernet:
    """The supernet of a finished single-path search, whose weights every genotype can inherit.

    Use it as ``with supernet.only(genotype): supernet(x)``.

    Args:
        run_folder: Folder of the run.
        space: The space whose genotypes are valued.
        task: The task on which they are valued.

    Returns:
        The supernet, on the CPU and in evaluation mode.

    Raises:
        UsageError: The run is of another kind of strategy, another space or another task.
        NasError: The run is not finished.
    """
    run = Run.open(run_folder)
    settings = run.expect(SearchSettings)
    if not STRATEGIES.get(settings.strategy).chooses_at_end:
        able = [name for name in STRATEGIES.names() if STRATEGIES.get(name).chooses_at_end]
        raise UsageError(
            f"{str(run.folder)!r} was searched by {settings.strategy!r}, whose weights fit no single genotype; give a "
            f"run of 'nas search --strategy {' or '.join(able)}'"
        )
    run.summary()  # raises for an unfinished run and says how to finish it
    metadata = read_metadata(run.weights_file)
    document = part_of(metadata, "space", run.weights_file)
    if metadata["task"] != task.name or space_from_document(document).hash != space.hash:
        raise UsageError(
            f"the supernet in {str(run.folder)!r} is of space {document.get('name')!r} and task {metadata['task']!r}, "
            f"not of this {space.name!r} and {task.name!r}; train one with this --space, --task, --cells, --width"
        )
    return supernet_of(run).eval()
