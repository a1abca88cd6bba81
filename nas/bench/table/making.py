"""Making a table: begun once, then worked on in as many sessions and processes as it takes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from nas.bench.table.costs import write_genotypes
from nas.bench.table.images import TableData
from nas.bench.table.plan import Training, plan_trainings
from nas.bench.table.store import RunStore
from nas.bench.table.training import machine, train_once
from nas.errors import UsageError
from nas.estimators.table_recipe import RECIPE, TableRecipe, read_recipe
from nas.progress import Progress, progress
from nas.signals import listening
from nas.space import Space, load_space
from nas.train.state import random_state, restore_random_state
from nas.versions import package_version


@dataclass(frozen=True)
class TableStatus:
    """How far a table is.

    Attributes:
        planned: Trainings of the whole table, by seed.
        done: Finished ones, by seed.
        running: How many trainings other processes are doing at this moment.
        cpu_hours: CPU hours of the finished ones.
        hours_left: CPU hours that the others will take, at the mean of the finished ones; None without any.
    """

    planned: dict[int, int]
    done: dict[int, int]
    running: int
    cpu_hours: float
    hours_left: float | None

    @property
    def complete(self) -> bool:
        """Whether no training is missing."""
        return self.done == self.planned


def space_of_table(recipe: TableRecipe) -> Space:
    """The space of a table.

    Raises:
        UsageError: It is not the one that the table was begun with.
    """
    space = load_space(recipe.space)
    if recipe.space_hash is not None and space.hash != recipe.space_hash:
        raise UsageError(
            f"space {recipe.space!r} has the hash {space.hash}, the table was made of {recipe.space_hash}; its "
            "document has changed since: restore it, or begin a new table"
        )
    return space


def begin_table(folder: Path, recipe: TableRecipe, data: Path) -> None:
    """Write the recipe, with the digests of space and images, and the genotypes with their costs.

    Args:
        folder: Of the new table.
        recipe: What is to be trained and how.
        data: The folder that holds the folders of images.

    Raises:
        UsageError: The folder holds a table already, or the recipe does not fit the images.
    """
    if (folder / RECIPE).exists():
        raise UsageError(
            f"{str(folder)!r} already contains a table; continue it with 'nas bench table resume {folder}'"
        )
    space = space_of_table(recipe)
    images = TableData(recipe, data).described()
    folder.mkdir(parents=True, exist_ok=True)
    write_genotypes(folder, space, recipe)
    recipe.model_copy(update={"space_hash": space.hash, "images": images}).save(folder)  # last: now it is a table


def resume_table(
    folder: Path,
    data: Path,
    *,
    seconds: float | None = None,
    trainings: int | None = None,
    niceness: int = 10,
) -> int:
    """Do the trainings that are missing, in the order of the plan; any number of processes may do so at once.

    Every training runs on one thread. One that is interrupted is begun again by whoever comes next.

    Args:
        folder: Of the table.
        data: The folder that holds the folders of images.
        seconds: No training is begun after this time; None for no limit.
        trainings: No more than this number is done; None for no limit.
        niceness: Added to the niceness of the process, so that it gives way to others.

    Returns:
        How many trainings this call has finished.

    Raises:
        UsageError: There is no table, or the images are not those of the table.
        Interrupted: On Ctrl-C or SIGTERM; finished trainings are kept.
    """
    started = time.monotonic()
    recipe = read_recipe(folder)
    space, images = space_of_table(recipe), TableData(recipe, data)
    images.require_same()
    store = RunStore(folder, recipe)
    plan = plan_trainings(space, recipe)
    if niceness and hasattr(os, "nice"):  # not on Windows
        os.nice(niceness)

    def over(done: int) -> bool:
        late = seconds is not None and time.monotonic() - started >= seconds
        return late or (trainings is not None and done >= trainings)

    def where() -> str:
        return f"interrupted; finished trainings are kept: continue with 'nas bench table resume {folder}'"

    with listening(where), one_thread(), progress("table", len(plan), done=len(store.done())) as bar:
        return _work(plan, store, space, images, over, bar)


def _work(
    plan: Sequence[Training],
    store: RunStore,
    space: Space,
    images: TableData,
    over: Callable[[int], bool],
    bar: Progress,
) -> int:
    """Claim and do what is missing until ``over`` says so; returns how many trainings were done here."""
    facts = {**machine(), "version": package_version()}
    finished = 0
    known = store.done()
    for training in plan:
        if over(finished):
            break
        if training.key in known:
            continue
        with store.claim(training) as mine:
            if not mine:
                continue
            found = train_once(training, space, images)
            store.append(training, found, facts)
        finished += 1
        psnr = found[f"psnr_{images.recipe.mark_names[-1]}"]
        bar.advance(detail=f"{training.genotype.hash} seed {training.seed}: " + _decibels(psnr))
    return finished


def _decibels(psnr: float | None) -> str:
    return "diverged" if psnr is None else f"{psnr:.3f} dB"


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread of torch, and the random state of the caller afterwards."""
    threads, state = torch.get_num_threads(), random_state()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        restore_random_state(state)


def table_status(folder: Path) -> TableStatus:
    """How far the table in a folder is.

    Args:
        folder: Of the table.

    Raises:
        UsageError: There is no table.
    """
    recipe = read_recipe(folder)
    store = RunStore(folder, recipe)
    rows = store.rows()
    plan = plan_trainings(space_of_table(recipe), recipe)
    done = {(row["genotype"], int(row["seed"])) for row in rows}
    last = f"cpu_seconds_{recipe.mark_names[-1]}"
    spent = [float(row[last]) for row in rows if row[last]]
    missing = [training for training in plan if training.key not in done]
    return TableStatus(
        planned={seed: sum(t.seed == seed for t in plan) for seed in recipe.seeds},
        done={seed: sum(t.seed == seed and t.key in done for t in plan) for seed in recipe.seeds},
        running=store.running(missing),
        cpu_hours=sum(spent) / 3600,
        hours_left=sum(spent) / len(spent) * len(missing) / 3600 if spent else None,
    )
