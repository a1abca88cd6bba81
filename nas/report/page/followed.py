"""What belongs to a run without being named: the retraining of what a search found, and pictures restored with it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING

from nas.errors import NasError
from nas.report.page.pictures import Picture
from nas.report.run_folder import RunFolder, attempt, read_run

if TYPE_CHECKING:
    from nas.report.scenes import Scene

#: folders beside a search that are looked into at most
MOST_BESIDE = 200
#: pictures that are restored for a page
MOST_PICTURES = 2
#: the set that needs no files, and what is shown beside a network: the first of these that serves the task
SAMPLE_SET, REFERENCES = "sample", ("bicubic", "identity")
#: file of the weights of a finished training
WEIGHTS = "weights.safetensors"


def with_retrainings(runs: Sequence[RunFolder]) -> list[RunFolder]:
    """The runs, each search followed by the trainings of its genotype that lie in the same folder.

    Args:
        runs: Folders of runs.

    Returns:
        The runs in order; none is there twice.
    """
    found = {run.folder.resolve(): run for run in runs}
    order: list[RunFolder] = []
    for run in runs:
        order.append(run)
        if run.kind == "search" and run.genotype is not None:
            fresh = [r for r in _beside(run) if r.folder.resolve() not in found]
            found |= {r.folder.resolve(): r for r in fresh}
            order += fresh
    return order


def _beside(run: RunFolder) -> list[RunFolder]:
    """The trainings of the genotype of a search in the folder where the search lies."""
    places = sorted(p.parent for p in islice(run.folder.resolve().parent.glob("*/genotype.json"), MOST_BESIDE))
    runs = [read_run(p) for p in places if (p / "config.yaml").is_file()]
    return [r for r in runs if r.kind == "retrain" and r.genotype is not None and _same_cells(r, run)]


def _same_cells(one: RunFolder, other: RunFolder) -> bool:
    """Whether two runs are of the same cells; how wide and deep the networks are may differ."""
    return bool(one.genotype and other.genotype and one.genotype.cells == other.genotype.cells)


def restored_pictures(runs: Sequence[RunFolder], problems: list[str]) -> list[Picture]:
    """Sample photographs as the networks of finished trainings restore them, beside a reference without a network.

    Args:
        runs: Folders of runs; those with weights are used, as far as they are of the task of the first.
        problems: Gets a sentence where a network could not be used.

    Returns:
        The pictures; none where there are no weights, or the task has no sample photographs.
    """
    trained = [r for r in runs if r.kind == "retrain" and (r.folder / WEIGHTS).is_file() and r.setting("task")]
    if not trained:
        return []
    task = str(trained[0].setting("task"))
    models = [(r.name, str(r.folder / WEIGHTS)) for r in trained if r.setting("task") == task]
    scenes = attempt("pictures", problems, lambda: _restore(models, task)) or []
    return [_picture(scene) for scene in scenes]


def _restore(models: Sequence[tuple[str, str]], task: str) -> list[Scene]:
    from nas.evaluation.resolve import resolve
    from nas.report.scenes import scenes_from_models
    from nas.tasks import get_task

    reference: list[str] = []
    for name in REFERENCES:
        try:
            resolve(name, get_task(task), [SAMPLE_SET])
        except NasError:
            continue
        reference = [name]
        break
    return scenes_from_models([*reference, *models], task, [SAMPLE_SET], most=MOST_PICTURES)


def _picture(scene: Scene) -> Picture:
    versions = {"degraded": scene.degraded, **scene.restored, "target": scene.target}
    return Picture(f"{scene.task.name} / {scene.set} / {scene.image}", dict(versions))
