"""A plain folder of clean images, which has no folders of pairs; what may well be pairs is refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nas.data.found import Found
from nas.data.groups import add_twins
from nas.data.pairs import Pair
from nas.data.partners import twins_of
from nas.data.places import Placed, look_alike
from nas.data.roles import DEGRADED, RESULT
from nas.data.side_by_side import looks_side_by_side
from nas.data.source import Source
from nas.errors import UsageError
from nas.tasks.task import Task


def add_plain(
    source: Source, rest: list[Placed], depth: list[Placed], rows: list[Placed], task: Task, found: Found
) -> None:
    """A folder of clean images, none of which has a partner; refuses what may well be pairs."""
    path = found.root
    odd = [r for r in rows if r.side in (DEGRADED, RESULT) and r.certain]
    clean = [r for r in rest if r not in set(odd)]
    if odd and not clean:
        where = ", ".join(sorted({repr(r.home or ".") for r in odd})[:4])
        raise UsageError(
            f"{str(path)!r} contains degraded images only ({where}), by their names; give the folder of the clean ones "
            f"too, or say --clean {path} if these are clean"
        )
    if odd:
        found.note(
            path,
            f"{len(odd)} images in {_homes(odd)} look like stored inputs, fit no clean image and are not used",
            "warning",
        )
    clean = without_depth(_of_scale(clean, task, found), depth)
    _refuse_likeness(clean, path)
    if task.paired and not odd and not depth and looks_side_by_side([r.file for r in clean]):
        found.layout = "side_by_side"
        found.pairs = [Pair(r.rel, r.file, halves=source.clean_half) for r in clean]
        return
    found.pairs = plain_pairs(clean, found)


def _of_scale(rows: list[Placed], task: Task, found: Found) -> list[Placed]:
    """Of clean images that are cropped for several scales (image_SRF_2, image_SRF_3) those for the task's."""
    kept = [r for r in rows if r.scale in (None, task.scale)]
    if task.scale == 1 or not any(r.scale == task.scale for r in rows):
        return rows
    if len(kept) < len(rows):
        found.note(
            found.root, f"{len(rows) - len(kept)} images in {_homes(rows)} are for other scales and are left out"
        )
    return kept


def plain_pairs(rows: Sequence[Placed], found: Found) -> list[Pair]:
    """Pairs without stored inputs; images that share a name are faults."""
    twins = twins_of(rows)
    add_twins(twins, found)
    left_out = {row for group in twins for row in group}
    return [Pair(r.rel, r.file) for r in rows if r not in left_out]


def _refuse_likeness(rows: Sequence[Placed], root: Path) -> None:
    """UsageError where folders side by side hold files of the same names: these may be pairs."""
    found = look_alike(rows)
    if found is not None:
        raise UsageError(_apart(root / found[0], found[1]))


def _apart(folder: Path, names: Sequence[str]) -> str:
    listed = ", ".join(repr("the files in it" if n == "." else n) for n in names[:8]) + (
        ", ..." if len(names) > 8 else ""
    )
    first = folder if names[0] == "." else folder / names[0]
    return (
        f"in {str(folder)!r}, {listed} contain files of the same names and cannot be told apart; "
        "say which are pairs with "
        f"--clean {first} --degraded {folder / names[1]} (or the other way round), or --clean {folder} if all are clean"
    )


def without_depth(rows: list[Placed], depth: list[Placed]) -> list[Placed]:
    """With the images of ``depth`` folders that are no depth maps of the others."""
    names = {_plain_name(r) for r in rows}
    return [
        *rows,
        *(d for d in depth if d.key not in names and d.stem.casefold() not in {n.rsplit("/", 1)[-1] for n in names}),
    ]


def _plain_name(row: Placed) -> str:
    return row.rel.casefold()


def _homes(rows: Sequence[Placed]) -> str:
    return ", ".join(sorted({repr(r.home or ".") for r in rows})[:4])
