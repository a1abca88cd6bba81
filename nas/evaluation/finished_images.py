"""Images that any program has restored, scored by the protocol of a task: two folders in, one row out."""

from __future__ import annotations

from pathlib import Path

import torch

from nas.data import Pair, load_clean
from nas.data.partners import match
from nas.data.places import Placed, below
from nas.data.roles import CLEAN, DEGRADED, folder_role
from nas.data.walk import walk
from nas.errors import NasError, UsageError
from nas.evaluation.benchmark_sets import images_hash
from nas.evaluation.result_columns import with_scores
from nas.evaluation.row_table import RowTable
from nas.evaluation.rows import EvaluationRow
from nas.evaluation.scoring import Array, Score, centre_crop, score
from nas.files import resolved
from nas.images import read_image, to_luma, to_uint8
from nas.progress import progress as progress_bar
from nas.signals import stop_if_asked
from nas.tasks import Task, get_task, with_protocol
from nas.versions import commit, package_version

#: images that are named in one sentence
_NAMED = 8


def evaluate_pairs(
    restored: str | Path,
    target: str | Path,
    task: str | Task,
    *,
    name: str | None = None,
    set_name: str | None = None,
    protocol: str | None = None,
    out: str | Path | None = None,
    command: str = "",
    progress: bool = False,
) -> EvaluationRow:
    """Score a folder of finished images against the true ones, as ``nas.evaluate`` scores what a network makes.

    Args:
        restored: Folder of the finished images; 16-bit ones are rounded to 8.
        target: Folder of the true images. Images belong together by their names (``baby`` and ``babyx2``).
        task: What was restored: it says the scale, the channels and the protocol.
        name: In the column ``model``; None takes the name of the folder.
        set_name: In the column ``set``; None takes the name of the folder of the true images, or where that only says
            what they are (HR), of the folder above.
        protocol: A name of ``nas.tasks.protocols`` in place of the task's protocol.
        out: CSV file that gets the row, in place of one of the same images and protocol.
        command: How the row can be made again; it is copied into it.
        progress: Show a bar on standard error.

    Returns:
        The row; it has no costs.

    Raises:
        UsageError: A folder is not there or holds no images, images of one folder have no partner in the other, or the
            protocol scores what image files do not hold.
        NasError: A file cannot be read, or two images do not fit together.
    """
    restored, target = Path(restored), Path(target)
    task = get_task(task) if protocol is None else with_protocol(task, protocol)
    _check(task)
    pairs = _pairs(restored, target)
    scores: list[Score] = []
    with progress_bar(f"evaluate {task.name}", len(pairs), quiet=not progress) as bar:
        for pair in pairs:
            stop_if_asked()
            scores.append(_score(pair, task))
            bar.advance(1, f"{pair.name} {scores[-1].words}")
    row = EvaluationRow(
        model=name or resolved(restored).name,
        task=task.name,
        set=set_name or _name_of(resolved(target)),
        images=len(pairs),
        protocol=str(task.protocol),
        data=images_hash(pairs),
        jsnas=package_version(),
        torch=torch.__version__,
        commit=commit(),
        command=command,
    )
    row = with_scores(row, scores)
    RowTable(out).keep(row)
    return row


def _check(task: Task) -> None:
    protocol = task.protocol
    if not protocol.rounded or (protocol.with_ssim and not protocol.ssim_clipped):
        raise UsageError(
            f"the protocol of {task.name} ({protocol}) scores values that image files, being rounded, do not hold; "
            "name another with --protocol ('nas list protocols')"
        )


def _pairs(restored: Path, target: Path) -> list[Pair]:
    """Pairs whose ``degraded`` is the restored image, in the order of the true ones."""
    clean, finished = _images(target, CLEAN), _images(restored, DEGRADED)
    found = match(clean, finished)
    faults = [f"{str(row.file)!r} has no partner" for row in (*found.lonely_clean, *found.lonely_degraded)]
    faults += [f"{', '.join(repr(str(row.file)) for row in rows)} have one name" for rows in found.twins]
    owners: dict[Path, Path] = {}
    for true, made in found.pairs:
        if owners.setdefault(true.file, made.file) != made.file:
            faults.append(f"{str(owners[true.file])!r} and {str(made.file)!r} both belong to {str(true.file)!r}")
    if faults:
        shown = "; ".join(faults[:_NAMED]) + (f"; and {len(faults) - _NAMED} more" if len(faults) > _NAMED else "")
        raise UsageError(
            f"the images of {str(restored)!r} and {str(target)!r} do not pair: {shown}; rename or remove these"
        )
    pairs = [Pair(true.rel, true.file, made.file) for true, made in found.pairs]
    return sorted(pairs, key=lambda pair: pair.name)


def _images(folder: Path, side: str) -> list[Placed]:
    if not folder.is_dir():
        raise UsageError(f"{str(folder)!r} is not a folder; --pairs takes two folders of images")
    tree = walk(folder)
    if not tree.images:
        raise UsageError(f"folder {str(folder)!r} contains no images{' but ' * bool(tree.others)}{tree.left_out()}")
    return below(tree.images, folder, side)


def _score(pair: Pair, task: Task) -> Score:
    assert pair.degraded is not None  # made here
    clean, repeated = load_clean(pair, task)
    true: Array = clean[..., 0] if repeated else clean
    made = to_uint8(read_image(pair.degraded))
    if task.channels == 1 and made.ndim == 3:
        made = to_uint8(to_luma(made))
    if made.ndim < true.ndim:
        raise NasError(
            f"{str(pair.degraded)!r} is grey and {str(pair.target)!r} is in colour; the two do not belong together"
        )
    if task.protocol.crop > 1 and task.scale == 1:
        whole = made.shape[:2] == true.shape[:2]
        true = centre_crop(true, task.protocol.crop)
        made = centre_crop(made, task.protocol.crop) if whole else made
    try:
        return score(made, true, task, task.protocol.with_ssim)
    except NasError as error:
        raise NasError(f"{str(pair.degraded)!r} against {str(pair.target)!r}: {error}") from error


def _name_of(folder: Path) -> str:
    role = folder_role(folder.name)
    return folder.parent.name if role.side and not role.rest and folder.parent.name else folder.name
