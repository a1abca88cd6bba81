"""From a folder of large photographs to what trains fast: sub-images, inputs, memory-mapped arrays."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from numpy.typing import NDArray

from nas.data.cache import DiskCache
from nas.data.layouts import find_pairs
from nas.data.pairs import Pair, load_clean, load_depth, load_stored
from nas.data.patches import load_images
from nas.data.prepared_record import (
    Entry,
    Record,
    append_image,
    append_settings,
    read_record,
    unrecorded,
    write_record,
)
from nas.data.source import Source
from nas.data.verdict import judge
from nas.data.walk import list_images
from nas.errors import NasError, UsageError
from nas.files import file_digest, remove_partial_files, resolved
from nas.images.files import write_image
from nas.names import component
from nas.signals import listening, stop_if_asked
from nas.tasks.task import Task, get_task

Array = NDArray[Any]
#: what to tell whoever interrupted
INTERRUPTED = "interrupted; the same command continues where it stopped"


@dataclass(frozen=True)
class Prepared:
    """What ``prepare_folder`` left behind.

    Attributes:
        folder: The prepared folder.
        images: Number of clean images in it.
        made: How many source images were cut just now; the others had been before.
        cached: Whether the memory-mapped arrays were written too.
    """

    folder: Path
    images: int
    made: int
    cached: bool


def prepare_folder(
    path: str | Path | None,
    task: str | Task,
    out: str | Path,
    *,
    sub_image: int | None = 480,
    step: int | None = None,
    cache: bool = True,
    clean_half: str = "left",
    clean: str | Path | None = None,
    degraded: str | Path | None = None,
    skip_unfit: bool = False,
    progress: TextIO | None = None,
) -> Prepared:
    """Cut every pair of a data set into sub-images, in a folder that ``find_pairs`` understands.

    It may be interrupted and called again: finished images are recorded with the checksums of their pieces and not
    made twice. Pieces of images that are no longer in the source, or were changed there, are deleted. The source is
    only read.

    Args:
        path: The data set; None with ``clean``.
        task: What it is for.
        out: The folder to be written.
        sub_image: Side of the clean sub-images in pixels, cut to a multiple of the scale; smaller images stay whole.
            None leaves all whole. Inputs are cut from the whole stored or made input, never resized from the piece.
        step: Distance between sub-images in pixels, by default half a side; evened out so that they reach every border.
        cache: Also write the memory-mapped arrays that ``PatchSource(cache=out / "cache")`` uses.
        clean_half: "left" or "right", of side-by-side files.
        clean: Folder of clean images, whatever it is called, in place of ``path``.
        degraded: Folder of their degraded images.
        skip_unfit: Leave out images that cannot be used.
        progress: Stream for two bars, of images and of the cache; None for none.

    Raises:
        UsageError: ``out`` lies in the source or the other way round, or holds what was prepared with other settings
            or from other images.
        NasError: A piece that would have to be deleted was changed since it was made (nothing is deleted then), or
            ``out`` holds images that its record does not name.
    """
    task, out = get_task(task), Path(out)
    given = Source.of_sides(clean, degraded)
    source = given if path is None else Source(Path(path), clean_half=clean_half)
    path = source.root
    for folder in (source.path, source.clean, source.degraded):
        if folder is not None:
            _refuse_inside(folder, out)
    side = _side(task, sub_image)
    pairs = _source_pairs(source, task, skip_unfit)
    settings: dict[str, Any] = {"task": task.name, "sub_image": side, "step": step}
    if clean_half != "left":
        settings["clean_half"] = clean_half
    keys = _keys(pairs)
    record = _open_record(out, settings)
    _check_origin(record, keys, path, out)
    _sweep(out, task)
    with listening(lambda: INTERRUPTED, at_once=False), _bar(f"prepare {task.name}", len(pairs), progress) as report:
        images, made = _cut(pairs, keys, record, task, out, side, step, report)
    _delete_stale(out, record, images)
    if not record.plain or set(record.images) - set(images):
        write_record(out, settings, images)
    prepared = find_pairs(out, task)
    strange = unrecorded(prepared, out, images.values())
    if strange:
        raise NasError(
            f"{len(strange)} images in {str(out)!r}, the first is {str(strange[0])!r}, were put there or left by an "
            "interrupted run; remove them and prepare again"
        )
    if cache:
        with (
            listening(lambda: INTERRUPTED, at_once=False),
            _bar(f"cache {task.name}", len(prepared), progress) as report,
        ):
            _fill_cache(prepared, task, out / "cache", report)
    return Prepared(out, len(prepared), made, cache)


def _sweep(out: Path, task: Task) -> None:
    """Delete what an earlier process left that was killed while it wrote."""
    for stored in (True, False):
        clean, degraded, _ = _folders(task, stored)
        for folder in ("", clean, degraded, "depth", "cache"):
            remove_partial_files(out / folder)


def _refuse_inside(path: Path, out: Path) -> None:
    """UsageError where the prepared folder lies in the source, or around it."""
    source, target = resolved(path), resolved(out)
    if source == target or source in target.parents or target in source.parents:
        raise UsageError(f"{str(out)!r} and the source {str(path)!r} lie in one another; choose a folder outside")


def _side(task: Task, sub_image: int | None) -> int | None:
    """The side of the sub-images, a multiple of the scale; None for whole images."""
    side = None if sub_image is None else sub_image // task.scale * task.scale
    if side is not None and side < 1:
        raise UsageError(f"sub-images of {sub_image} pixels are smaller than scale {task.scale}; choose more")
    return side


def _source_pairs(source: Source, task: Task, skip_unfit: bool) -> list[Pair]:
    """The pairs to be cut, all of one kind and with names of their own."""
    path = source.root
    pairs = judge([source], task, training=False).usable(skip_unfit)
    _check_names(pairs, path)
    if len({(p.stored, p.degradation) for p in pairs}) > 1:
        raise UsageError(f"{str(path)!r} mixes pairs and clean images; prepare each of its sources on its own")
    return pairs


def _cut(
    pairs: list[Pair],
    keys: list[str],
    record: Record,
    task: Task,
    out: Path,
    side: int | None,
    step: int | None,
    report: Callable[[str], None],
) -> tuple[dict[str, Entry], int]:
    """Write and record the pieces that are not there yet; all entries by their keys, and how many images were cut."""
    images: dict[str, Entry] = {}
    made = 0
    for key, pair in zip(keys, pairs, strict=True):
        stop_if_asked()
        known = record.images.get(key)
        whole = known is not None and _is_of(known, pair, side) and _intact(out, known.files)
        files = known.files if known and whole else _write_pieces(pair, task, out, side, step)
        images[key] = Entry(files, _source(pair), pair.degradation)
        if images[key] != known:
            append_image(out, key, images[key])
        made += not whole
        report(pair.name)
    return images, made


def _fill_cache(pairs: list[Pair], task: Task, folder: Path, report: Callable[[str], None]) -> None:
    store = DiskCache(folder)
    for pair in pairs:
        stop_if_asked()
        store.pair(pair, task, partial(load_images, pair, task))
        report(pair.name)


def _check_names(pairs: list[Pair], path: Path) -> None:
    """Refuse two pairs whose pieces would be written to the same files."""
    names: dict[str, Pair] = {}
    for pair in pairs:
        other = names.get(_piece_name(pair))
        if other is not None:
            raise UsageError(
                f"{pair.name!r} and {other.name!r} of {str(path)!r} would be prepared under one name; rename one, "
                "or leave repeats out of the list"
            )
        names[_piece_name(pair)] = pair


def _piece_name(pair: Pair) -> str:
    name = pair.name.replace("/", "_")
    # what begins with a dot is hidden from whoever reads the folder; what is too long is no name with its ending
    return component(name) if name.startswith(".") or len(name.encode("utf-8", "replace")) > 220 else name


def _keys(pairs: list[Pair]) -> list[str]:
    """What each image is recorded under: its stamp, and its name too where two names lead to one file."""
    keys: list[str] = []
    seen: set[str] = set()
    for pair in pairs:
        stamp = _stamp(pair)
        keys.append(f"{stamp}_{_piece_name(pair)}" if stamp in seen else stamp)
        seen.add(stamp)
    return keys


def _source(pair: Pair) -> str:
    """The clean picture of a pair, the same for its other degradations and its pieces in other folders."""
    return pair.source or str(resolved(pair.target))


def _is_of(entry: Entry, pair: Pair, side: int | None) -> bool:
    """Whether the files of ``entry`` carry the name of ``pair``."""
    name = _piece_name(pair)
    return next((Path(f).stem for f in entry.files), None) == (name if side is None else f"{name}_s000")


def _check_origin(record: Record, keys: list[str], path: Path, out: Path) -> None:
    """Refuse a folder prepared from a wholly different source: all its images would be deleted."""
    root = resolved(path) if path.is_dir() else resolved(path).parent
    known = record.images.values()
    if known and not set(keys) & set(record.images) and not any(Path(e.source).is_relative_to(root) for e in known):
        raise UsageError(f"{str(out)!r} was prepared from other images than {str(path)!r}; choose another folder")


def _delete_stale(out: Path, record: Record, images: dict[str, Entry]) -> None:
    """Delete the recorded files of images that left the source. NasError, before the first, if one was changed."""
    kept = {file for entry in images.values() for file in entry.files}
    stale = {out / f: s for f, s in record.sums.items() if f not in kept and (out / f).is_file()}
    for file, digest in stale.items():
        if file_digest(file) != digest:
            raise NasError(
                f"{str(file)!r} belongs to an image that left the source, but was changed since it was prepared; "
                "move it elsewhere and prepare again"
            )
    for file in stale:
        try:
            file.unlink()
            if not any(file.parent.iterdir()):
                file.parent.rmdir()  # an empty HR beside input and target would be taken for the whole set
        except OSError as error:
            raise NasError(f"{str(file)!r} cannot be deleted ({error}); change its permissions") from error


@contextmanager
def _bar(title: str, total: int, stream: TextIO | None) -> Iterator[Callable[[str], None]]:
    """A progress bar on ``stream``, advanced by the name of what is done; nothing without a stream."""
    if stream is None:
        yield lambda name: None
        return
    from nas.progress import progress

    with progress(title, total, stream) as bar:
        yield lambda name: bar.advance(1, name)


def _write_pieces(pair: Pair, task: Task, out: Path, side: int | None, step: int | None) -> dict[str, str]:
    clean, _ = load_clean(pair, task)
    degraded = load_stored(pair, task, clean.shape)
    if degraded is None and task.fixed:
        degraded = task.degrade(clean)
    depth = load_depth(pair, clean.shape)
    clean_folder, degraded_folder, suffix = _folders(task, degraded is not None)
    sums: dict[str, str] = {}
    name = _piece_name(pair)
    for number, (top, left, height, width) in enumerate(_tiles(clean.shape, side, step, task.scale)):
        piece = name if side is None else f"{name}_s{number:03d}"
        files = {f"{clean_folder}/{piece}.png": clean[top : top + height, left : left + width]}
        if depth is not None:
            files[f"depth/{piece}.png"] = depth[top : top + height, left : left + width]
        if degraded is not None:
            y, x, h, w = (v // task.scale for v in (top, left, height, width))
            files[f"{degraded_folder}/{piece}{suffix}.png"] = degraded[y : y + h, x : x + w]
        for relative, image in files.items():
            write_image(out / relative, image)
            sums[relative] = file_digest(out / relative)
    return sums


def _folders(task: Task, stored: bool) -> tuple[str, str, str]:
    """Folder of clean pieces, of degraded pieces, and what is added to the names of the latter."""
    if task.stored:
        return "HR", f"{task.stored}/X{task.scale}", f"x{task.scale}"
    return ("target", "input", "") if stored else ("HR", "", "")


def _tiles(
    shape: tuple[int, ...], side: int | None, step: int | None, scale: int
) -> Iterator[tuple[int, int, int, int]]:
    height, width = shape[:2]
    for top, rows in _starts(height, side, step, scale):
        for left, columns in _starts(width, side, step, scale):
            yield top, left, rows, columns


def _starts(length: int, side: int | None, step: int | None, scale: int) -> list[tuple[int, int]]:
    """(start, size) of pieces that cover ``length``, evenly spread, all on multiples of ``scale``."""
    if side is None or length <= side:
        return [(0, length)]
    count = -(-(length - side) // (step or max(side // 2, 1))) + 1
    return [(round((length - side) * i / (count - 1) / scale) * scale, side) for i in range(count)]


def _stamp(pair: Pair) -> str:
    parts = []
    for file in (pair.target, pair.degraded, pair.depth):
        if file is not None:
            stat = file.stat()
            parts.append((str(resolved(file)), stat.st_size, stat.st_mtime_ns))
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _intact(out: Path, sums: dict[str, str]) -> bool:
    return all((out / f).is_file() and file_digest(out / f) == s for f, s in sums.items())


def _open_record(out: Path, settings: dict[str, Any]) -> Record:
    """The record of ``out``, begun where there is none or a killed process wrote but a part of its first line."""
    record = read_record(out)
    if record is None or (record.settings is None and not record.images):
        if out.exists() and (not out.is_dir() or list_images(out)):
            raise UsageError(f"{str(out)!r} already contains something that was not prepared; choose another folder")
        append_settings(out, settings)
        return Record(settings)
    if record.settings != settings:
        raise UsageError(f"{str(out)!r} was prepared with other settings ({record.settings}); choose another folder")
    return record
