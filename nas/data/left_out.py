"""Sentences on what lies in a folder and is not used."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from nas.data.found import Found
from nas.data.places import Placed
from nas.data.roles import RESULT
from nas.data.walk import Tree


def note_tree(tree: Tree, found: Found) -> None:
    """What is left out of a folder because it is no image, or is linked twice or to nowhere."""
    root, name = tree.root, repr(str(tree.root))
    if tree.others:
        sentence = f"{len(tree.others)} files below {name} are no images that are read ({tree.left_out()})"
        found.note(root, sentence, counted=True)
    for link in tree.again:
        found.note(link, f"link {str(link)!r} leads to a folder that is read already, and is not followed")
    for folder in tree.lmdb:
        found.note(folder, lmdb_sentence(folder), "warning")
    for link in tree.broken:
        found.note(link, f"link {str(link)!r} leads nowhere; repair or remove it", "warning")


def note_unused(rest: Sequence[Placed], found: Found, root: Path) -> None:
    """Name the folders whose images are neither side of any pair."""
    folders: dict[str, list[Placed]] = defaultdict(list)
    for row in rest:
        folders[row.rel.rpartition("/")[0]].append(row)
    for folder, rows in sorted(folders.items()):
        what = "results of a program" if rows[0].side == RESULT else "neither clean nor degraded images by their names"
        found.note(root / folder, f"{len(rows)} images in {str(root / folder)!r} are {what} and are not used")


def lmdb_sentence(folder: Path) -> str:
    """What to do with an LMDB data base."""
    return (
        f"{str(folder)!r} is an LMDB data base, which is not read; give the folder of PNG files that it was made from "
        "('nas data prepare' makes a memory-mapped cache of those)"
    )
