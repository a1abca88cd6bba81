"""Finding pairs in the folders of restoration data sets: what is read, what is refused, and nothing guessed.

The names of folders and files say which images are clean and which degraded, at which scale and for which split
(``nas.data.roles``, ``nas.data.places``); here the sides are put together. Folders whose files bear the same names are
pairs or an error, never one flat set. A plain folder of clean images is what has no such folders. For made-up haze, a
folder ``depth`` beside the clean images may hold their depth maps under the same names.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from nas.data.found import Found, refuse
from nas.data.groups import Group, assemble, give_sides, grouped
from nas.data.left_out import lmdb_sentence, note_tree, note_unused
from nas.data.pair_lists import read_pair_list
from nas.data.pairs import Pair
from nas.data.places import Placed, alike, below, place_files
from nas.data.plain import add_plain, plain_pairs, without_depth
from nas.data.prepared_record import fill_in
from nas.data.roles import CLEAN, DEGRADED, DEPTH, RESULT, Role, folder_role
from nas.data.source import Source, check_source
from nas.data.walk import Tree, is_lmdb, walk
from nas.errors import NasError, UsageError
from nas.files import resolved
from nas.tasks.task import Task, get_task

#: split -> which parts of a data set serve, the first that is there; "" are images of no part
_SERVING: dict[str, tuple[tuple[str, ...], ...]] = {
    "train": (("train", ""), ("valid",), ("test",)),
    "valid": (("valid",), ("test",), ("",), ("train",)),
    "test": (("test",), ("valid",), ("",), ("train",)),
}


def look(source: Source, task: str | Task) -> Found:
    """Find the pairs of a data set, and what is wrong with their partners.

    Args:
        source: Where to look.
        task: What the pairs are for.

    Returns:
        What was found; faults and notes are not raised.

    Raises:
        UsageError: There is no such path, nothing is found, or the folders cannot be told apart.
        NasError: A folder may not be read, or a list is damaged.
    """
    task = get_task(task)
    check_source(source)
    if source.path is not None and source.path.is_file():
        return _list(source.path, task)
    found = _given(source, task) if source.clean is not None else _recognised(source, task)
    if not found.pairs and not found.faults and not found.unpaired:
        raise UsageError(_nothing(source.root))
    found.pairs = fill_in(sorted(found.pairs, key=lambda p: p.name), task)
    return found


def find_layout(path: str | Path, task: str | Task, split: str = "train") -> tuple[str, Path]:
    """Recognise the layout of a data set.

    Args:
        path: A folder, or a list of pairs.
        task: What the pairs are for.
        split: Which part is wanted where there are several, see ``find_pairs``.

    Returns:
        One of LAYOUTS, and the folder (or list) it begins at.

    Raises:
        UsageError: There is no such path, it is another file, its pairs are for another task, or they cannot be told
            apart.
    """
    found = look(Source(Path(path), split=split), task)
    return found.layout, found.root


def find_pairs(
    path: str | Path,
    task: str | Task,
    split: str = "train",
    layout: str | None = None,
    clean_half: str = "left",
    partners: str = "all",
) -> list[Pair]:
    """All pairs of a data set for a task; stored degraded images are used where they are there.

    Args:
        path: A folder, or a list of pairs.
        task: What the pairs are for.
        split: Chooses between ``train`` and ``valid`` or ``test`` sub-folders where there are several.
        layout: One of LAYOUTS; None: it is recognised.
        clean_half: "left" (as JDNet has it) or "right", of side-by-side files.
        partners: "all": every image must have its stored partner where some have one; "any": clean images without one
            are degraded at run time, and other faults are passed over.

    Returns:
        The pairs, sorted by name; never none.

    Raises:
        UsageError: Nothing is found, the folders cannot be told apart, or an argument is none of the above.
        NasError: A partner is missing; the message names all such files.
    """
    found = look(Source(Path(path), split=split, layout=layout, clean_half=clean_half), task)
    if partners == "any":
        return sorted([*found.pairs, *fill_in(found.unpaired, get_task(task))], key=lambda p: p.name)
    total = len({str(p.target) for p in [*found.pairs, *found.unpaired]} | {f.item for f in found.faults})
    refuse(found.faults, total)
    return found.pairs


def _list(path: Path, task: Task) -> Found:
    found = Found("list", path)
    pairs = read_pair_list(path, task, found.faults)
    found.pairs = fill_in(_with_stored(pairs, path, task), task)
    return found


def _with_stored(pairs: list[Pair], listing: Path, task: Task) -> list[Pair]:
    """The pairs of a list of clean images alone (``meta_info``) with the inputs that are stored beside their folder."""
    folders = {p.target.parent for p in pairs}
    if any(p.degraded is not None for p in pairs) or len(folders) != 1 or listing.parent in folders:
        return pairs
    try:
        stored = {p.target: p for p in look(Source(listing.parent), task).pairs if p.stored}
    except NasError:
        return pairs
    return [replace(p, degraded=stored[p.target].degraded) if p.target in stored else p for p in pairs]


def _walked(folder: Path) -> Tree:
    """The files below a folder; refuses what is not read at all."""
    tree = walk(folder)
    if tree.locked:
        raise NasError(f"{str(tree.locked[0])!r} cannot be read; change its permissions")
    if tree.lmdb and not tree.images:
        raise UsageError(lmdb_sentence(tree.lmdb[0]))
    return tree


def _given(source: Source, task: Task) -> Found:
    """The pairs of two folders whose sides were said, or of one folder of clean images."""
    assert source.clean is not None
    tree = _walked(source.clean)
    clean = below(tree.images, source.clean, CLEAN)
    found = Found("plain" if source.degraded is None else "folders", source.clean)
    note_tree(tree, found)
    if not clean:
        raise UsageError(_nothing(source.clean))
    if source.degraded is None:
        found.pairs = plain_pairs(clean, found)
        return found
    other = _walked(source.degraded)
    note_tree(other, found)
    degraded = below(other.images, source.degraded, DEGRADED)
    if not degraded:
        raise UsageError(_nothing(source.degraded))
    group = Group("", clean, degraded, said=True)
    assemble([group], task, found, source.clean)
    return found


def _recognised(source: Source, task: Task) -> Found:
    """The pairs of a folder whose layout is to be recognised, or was named by ``source.layout``."""
    assert source.path is not None
    path = source.path
    if is_lmdb(path):
        raise UsageError(lmdb_sentence(path))
    tree = _walked(path)
    found = Found("plain", path)
    note_tree(tree, found)
    if source.layout == "side_by_side":
        found.layout = "side_by_side"
        found.pairs = [Pair(r.rel, r.file, halves=source.clean_half) for r in place_files(tree.images, path)]
        return found
    rows, split = _with_siblings(path, tree, source.split, found)
    rows = _of_split(rows, split, found, path)
    depth = [r for r in rows if r.side == DEPTH]
    rows = [r for r in rows if r.side != DEPTH]
    if source.layout == "plain":
        kept = [r for r in rows if not r.role.low]
        found.pairs = plain_pairs(without_depth(kept, depth), found)
        return _with_depth(found, depth, task)
    groups, rest = give_sides(grouped(rows), [r for r in rows if r.side in ("", RESULT)], path)
    if not groups:
        add_plain(source, [*rest], depth, rows, task, found)
    else:
        assemble(groups, task, found, path)
        note_unused(rest, found, path)
    if source.layout is not None and found.layout != source.layout:
        raise UsageError(f"{str(path)!r} has the layout {found.layout!r}, not {source.layout!r}; leave the layout out")
    return _with_depth(found, depth, task)


def _with_siblings(path: Path, tree: Tree, split: str, found: Found) -> tuple[list[Placed], str]:
    """The images below ``path``, and of its sibling folders where it is one side of a set itself (DIV2K_train_HR)."""
    rows = place_files(tree.images, path)
    named = path if path.name not in ("", "..") else resolved(path)  # a link counts by its own name
    role = folder_role(named.name)
    if any(r.side == CLEAN for r in rows) or not rows:
        return rows, split
    if role.side != CLEAN:
        _refuse_degraded(path, rows, role, named.absolute().parent)
        return rows, split
    files = list(tree.images) if named == path else _walked(named).images
    for folder in sorted(named.parent.iterdir()):
        other = folder_role(folder.name)
        same = (other.rest, other.split) == (role.rest, role.split)
        if folder == named or not folder.is_dir() or other.side != DEGRADED or not same:
            continue
        if role.rest:
            files += _walked(folder).images
        else:
            sentence = f"{str(folder)!r} beside {str(path)!r} looks like stored inputs and is not used"
            found.note(folder, f"{sentence}; give the folder that contains both to use them")
    return (place_files(files, named.parent), role.split or split) if role.rest else (rows, split)


def _refuse_degraded(path: Path, rows: Sequence[Placed], role: Role, parent: Path) -> None:
    """Degraded images must not be taken for clean ones because their folder was given alone."""
    above = folder_role(parent.name)
    if not role.side and not role.rest and role.scale is not None:
        role, parent = above, parent.parent
    if role.side != DEGRADED:
        return
    certain = role.certain
    if not certain:
        for folder in parent.iterdir():
            if folder_role(folder.name).side == CLEAN and folder.is_dir():
                certain = certain or alike(rows, place_files(walk(folder).images, folder))
    if certain:
        raise UsageError(
            f"{str(path)!r} contains degraded images by its name; give the folder that contains "
            "the clean ones too, name "
            f"both with --clean and --degraded, or say --clean {path} if these are clean"
        )


def _of_split(rows: list[Placed], split: str, found: Found, root: Path) -> list[Placed]:
    """The images of the part that serves a split."""
    there = {r.split for r in rows if r.side in (CLEAN, "")} or {r.split for r in rows}
    serving = next((s for s in _SERVING.get(split, ((split,),)) if there & set(s)), tuple(there))
    kept = [r for r in rows if r.split in serving]
    others: dict[str, int] = defaultdict(int)
    for row in rows:
        if row.split not in serving:
            others[row.split] += 1
    wanted = "/".join(s for s in serving if s) or "other"
    for name, count in sorted(others.items()):
        part = f"{count} images of the part {name!r}" if name else f"{count} images of no part"
        found.note(root, f"{part} are left out, since {wanted} images are asked for")
    return kept


def _with_depth(found: Found, depth: Sequence[Placed], task: Task) -> Found:
    """Attach depth maps to the clean images that are hazed at run time."""
    if not depth or task.family not in ("dehaze", "all_in_one"):
        return found
    maps = {}
    for row in depth:
        inner = row.rel.split("/")
        at = next(i for i, part in enumerate(inner) if part.casefold() == "depth")
        maps["/".join(inner[at + 1 :])] = row.file
    found.pairs = [p if p.stored else replace(p, depth=maps.get(p.name)) for p in found.pairs]
    return found


def _nothing(path: Path) -> str:
    return f"no images below {str(path)!r}; give a folder with PNG, BMP, TIFF, JPEG or WebP files"
