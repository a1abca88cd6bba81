"""Benchmark sets by name: a folder or list below the folder of sets, in any layout that is read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from nas.data.pairs import Pair
from nas.data.places import place_files
from nas.data.roles import CLEAN, DEGRADED, folder_role
from nas.data.sample_set import sample_pairs
from nas.data.set_sources import SET_SOURCES, where_to_get
from nas.data.source import LISTS, Source
from nas.data.verdict import judge
from nas.errors import UsageError
from nas.tasks.task import Task, get_task


def benchmark_set(
    name: str,
    task: str | Task,
    root: str | Path | None = None,
    clean: str | Path | None = None,
    degraded: str | Path | None = None,
) -> list[Pair]:
    """The pairs of a benchmark set.

    Args:
        name: Of the set: a folder, or a list of pairs with or without its ending. "sample" is the test part of the
            photographs inside scikit-image.
        task: What the pairs are for.
        root: Folder of the set's folder (``<root>/<name>`` or ``<root>/benchmarks/<name>``), or the set itself; not
            needed for "sample".
        clean: Folder of the clean images, in place of ``root``.
        degraded: Folder of the degraded ones.

    Raises:
        UsageError: The set is not there (the message says which are), or its folders cannot be told apart.
        NasError: An image has no partner, cannot be read or does not fit its partner; the message names all of them.
    """
    task = get_task(task)
    if clean is not None or degraded is not None:
        return judge([Source.of_sides(clean, degraded, split="test")], task, training=False).measurable()
    if name == "sample":
        return sample_pairs("test", task)
    if root is None:
        raise UsageError(
            f"where is set {name!r}? give the folder of benchmark sets with --data, or use the set 'sample'"
            f"{where_to_get(name)}"
        )
    others = SET_SOURCES[name].folders if name in SET_SOURCES else ()
    found = next((path for known in (name, *others) if (path := locate(known, Path(root))) is not None), None)
    if found is None:
        known = ", ".join(known_sets(root)) or "none"
        raise UsageError(f"set {name!r} is not below {str(root)!r}; sets there: {known}{where_to_get(name)}")
    verdict = judge([Source(found, split="test")], task, training=False)
    pairs = verdict.measurable()
    if task.family == "all_in_one" and verdict.layout == "benchmark":
        pairs = [replace(p, degradation="noise") for p in pairs]  # a set of clean images tests denoising
    return pairs


def locate(name: str, root: Path) -> Path | None:
    """The folder or list of a set, its name compared without case where it is not there as it stands."""
    for listing in (root, root / name):
        if listing.suffix.lower() in LISTS and listing.is_file() and name in (listing.name, listing.stem):
            return listing
    if root.name == name and root.is_dir():
        return root
    for folder in (root / name, root / "benchmarks" / name, root.parent / name):
        if folder.is_dir():
            return folder
    for parent in (root, root / "benchmarks"):
        near = [p for p in _folders(parent) if p.name.casefold() == name.casefold()]
        if len(near) == 1:
            return near[0]
    return root if root.name.casefold() == name.casefold() and root.is_dir() else None


def known_sets(root: str | Path | None = None) -> list[str]:
    """Names that ``benchmark_set`` would find below ``root`` and that hold clean images; "sample" is always one."""
    names = ["sample"]
    for folder in [] if root is None else [Path(root), Path(root) / "benchmarks"]:
        names += sorted(p.name for p in _folders(folder) if _has_sides(p))
    return list(dict.fromkeys(names))


def _folders(parent: Path) -> Iterator[Path]:
    return (p for p in parent.iterdir() if p.is_dir()) if parent.is_dir() else iter(())


def _has_sides(folder: Path) -> bool:
    """Whether a folder, or the test part in it, has folders of clean images, or files that tell their side."""
    inner = list(_folders(folder))
    for parent in (folder, *(p for p in inner if folder_role(p.name).split == "test")):
        if any(folder_role(p.name).side == CLEAN for p in _folders(parent)):
            return True
    files = [p for f in inner if folder_role(f.name).scale is not None for p in sorted(f.iterdir()) if p.is_file()]
    return {r.side for r in place_files(files, folder)} >= {CLEAN, DEGRADED}
