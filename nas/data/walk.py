"""What lies below a folder: links are followed, each folder is entered once, and nothing is passed over in silence."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from nas.errors import NasError
from nas.images.files import is_image_name

#: folders of previews that systems leave beside images
_FOREIGN = frozenset({"__macosx", "@eadir"})


@dataclass
class Tree:
    """What ``walk`` found, each list sorted by path.

    Attributes:
        root: Where it began.
        images: Files with the name of an image that is read.
        others: All other files, hidden ones left out, and what the platform itself leaves beside images.
        lmdb: Folders that are LMDB data bases.
        broken: Links that lead nowhere.
        again: Links to folders whose images are read under another name already, or that lead back up.
        empty: Folders with nothing in them.
        locked: Files and folders that may not be read.
    """

    root: Path
    images: list[Path] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)
    lmdb: list[Path] = field(default_factory=list)
    broken: list[Path] = field(default_factory=list)
    again: list[Path] = field(default_factory=list)
    empty: list[Path] = field(default_factory=list)
    locked: list[Path] = field(default_factory=list)

    def left_out(self) -> str:
        """How many files of which endings are no images, e.g. "3 .txt, 1 .heic"; "" for none."""
        kinds = Counter(p.suffix.lower() or "without ending" for p in self.others)
        return ", ".join(f"{n} {kind}" for kind, n in sorted(kinds.items()))


def walk(root: Path) -> Tree:
    """All files below a folder; hidden ones and folders of previews are left out.

    Links to folders are followed after the folders themselves, so that an image is named by where it lies, and a
    folder that several links lead to is entered once: there are no loops, and no image counts twice.

    Args:
        root: The folder, which may be a link itself.

    Returns:
        What was found. A folder that may not be read is noted in ``locked``.
    """
    tree = Tree(root)
    entered: set[tuple[int, int]] = set()
    links: list[Path] = []
    _enter(root, tree, entered, links)
    while links:
        link = links.pop(0)
        if not _enter(link, tree, entered, links):
            tree.again.append(link)
    for found in (tree.images, tree.others, tree.lmdb, tree.broken, tree.again, tree.empty, tree.locked):
        found.sort()
    return tree


def list_images(folder: Path) -> list[Path]:
    """All image files below a folder as ``walk`` finds them, sorted by path.

    Raises:
        NasError: A folder may not be read.
    """
    tree = walk(folder)
    if tree.locked:
        raise NasError(f"folder {str(tree.locked[0])!r} cannot be read; change its permissions")
    return tree.images


def is_lmdb(folder: Path) -> bool:
    """Whether a folder is an LMDB data base."""
    return (folder / "data.mdb").is_file() or folder.suffix.lower() == ".lmdb"


def _enter(folder: Path, tree: Tree, entered: set[tuple[int, int]], links: list[Path]) -> bool:
    """Note what lies in a folder; links to folders are put off. False where it was entered before."""
    try:
        stat = folder.stat()
        if (stat.st_dev, stat.st_ino) in entered:
            return False
        entered.add((stat.st_dev, stat.st_ino))
        entries = sorted(folder.iterdir())
    except OSError:
        tree.locked.append(folder)
        return True
    if is_lmdb(folder):
        tree.lmdb.append(folder)
        return True
    if not entries:
        tree.empty.append(folder)
    for entry in entries:
        if not entry.name.startswith(".") and entry.name.casefold() not in _FOREIGN:
            _note(entry, tree, entered, links)
    return True


def _note(entry: Path, tree: Tree, entered: set[tuple[int, int]], links: list[Path]) -> None:
    try:
        if entry.is_dir():
            if entry.is_symlink():
                links.append(entry)
            else:
                _enter(entry, tree, entered, links)
        elif entry.is_file():
            if is_image_name(entry):
                tree.images.append(entry)
            elif not _own(entry):
                tree.others.append(entry)
        elif entry.is_symlink():
            tree.broken.append(entry)
    except OSError:
        tree.locked.append(entry)


def _own(file: Path) -> bool:
    """What ``nas data prepare`` leaves beside its images: the record and the cache."""
    return file.name == "prepared.jsonl" or file.parent.name == "cache"
