"""The record beside prepared pieces: from which picture they were cut, with which checksums, degraded how.

``prepared.jsonl`` holds a line of settings, then a line for every finished image. The last line about an image or
a file counts; a line that a killed process left half written is passed over.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nas.data.pairs import Pair
from nas.documents import read_bytes
from nas.errors import NasError, UsageError
from nas.files import resolved, write_text
from nas.tasks.task import Task

RECORD = "prepared.jsonl"
#: most bytes of a record: a million sub-images
MOST_RECORD = 2**30
#: in older records a key begins with the position of the image in its source
_NUMBERED = re.compile(r"\d{6}_([0-9a-f]{16})")
_PIECE = re.compile(r"(.+)_s\d{3,}")


@dataclass(frozen=True)
class Entry:
    """One finished image.

    Attributes:
        files: Path below the prepared folder -> SHA-256 of every piece, the first clean piece first.
        source: The clean picture that the pieces were cut from; "" in records that do not tell.
        degradation: As in ``nas.data.pairs.Pair``.
    """

    files: dict[str, str]
    source: str = ""
    degradation: str = ""


@dataclass
class Record:
    """What a record says.

    Attributes:
        settings: With which the folder was prepared; None where no whole line tells.
        images: Entry of each finished image by its key.
        sums: Path below the folder -> SHA-256 of all files in the record, those of replaced lines too.
        plain: Whether there is one line in today's form for every image, and nothing else.
    """

    settings: dict[str, Any] | None = None
    images: dict[str, Entry] = field(default_factory=dict)
    sums: dict[str, str] = field(default_factory=dict)
    plain: bool = True


def read_record(folder: Path) -> Record | None:
    """The record of a folder; None where there is none.

    Raises:
        NasError: It cannot be read.
    """
    file = folder / RECORD
    try:
        if not file.exists():
            return None
        text = read_bytes(file, MOST_RECORD).decode("utf-8", "replace")
    except (UsageError, OSError) as error:
        raise NasError(f"record {str(file)!r} cannot be read ({error}); change its permissions") from error
    record = Record()
    for line in text.splitlines():
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            entry = None
        if not isinstance(entry, dict) or ("image" in entry and "files" not in entry):
            record.plain = False  # the line a killed process was writing; its image is made again
            continue
        record.settings = entry.get("settings", record.settings)
        if "image" in entry:
            old = _NUMBERED.fullmatch(entry["image"])
            key: str = old[1] if old else entry["image"]
            record.plain = record.plain and key not in record.images and old is None
            record.images[key] = Entry(entry["files"], entry.get("source", ""), entry.get("degradation", ""))
            record.sums.update(entry["files"])
    return record


def append_settings(folder: Path, settings: dict[str, Any]) -> None:
    """Begin a record, in a folder that is made where it is missing; NasError where that may not be written."""
    _append(folder, {"settings": settings})


def append_image(folder: Path, key: str, entry: Entry) -> None:
    """Note a finished image, all of whose files are written; NasError where the folder may not be written."""
    _append(folder, _line(key, entry))


def write_record(folder: Path, settings: dict[str, Any], images: dict[str, Entry]) -> None:
    """Replace the record by one of exactly these images, atomically; NasError where it may not be written."""
    lines = [{"settings": settings}, *(_line(key, entry) for key, entry in images.items())]
    try:
        write_text(folder / RECORD, "".join(json.dumps(line) + "\n" for line in lines))
    except OSError as error:
        raise NasError(f"cannot write to {str(folder)!r} ({error}); change its permissions") from error


def fill_in(pairs: Iterable[Pair], task: Task) -> list[Pair]:
    """Pairs with what the records of prepared folders know of them.

    Args:
        pairs: The pairs as they were found.
        task: What they are for.

    Returns:
        The same pairs in the same order; those of prepared folders have their source, and their degradation where the
        task mixes several.
    """
    records: dict[Path, tuple[Record | None, dict[str, Entry]]] = {}
    found = []
    for pair in pairs:
        folder = pair.target.parent.parent  # prepared images lie in one folder, HR or target, beside the record
        if folder not in records:
            record = read_record(folder)
            entries = record.images.values() if record else ()
            records[folder] = record, {file: entry for entry in entries for file in entry.files}
        record, by_file = records[folder]
        found.append(pair if record is None else _filled(pair, task, folder, record, by_file))
    return found


def unrecorded(pairs: Sequence[Pair], folder: Path, images: Iterable[Entry]) -> list[Path]:
    """The files of pairs found in a prepared folder that no entry of its record names."""
    known = {folder / file for entry in images for file in entry.files}
    files = [file for pair in pairs for file in (pair.target, pair.degraded, pair.depth)]
    return [file for file in files if file is not None and file not in known]


def _filled(pair: Pair, task: Task, folder: Path, record: Record, by_file: dict[str, Entry]) -> Pair:
    entry = by_file.get(f"{pair.target.parent.name}/{pair.target.name}", Entry({}))
    source = entry.source
    piece = _PIECE.fullmatch(pair.target.stem)
    if not source and piece and (record.settings or {}).get("sub_image") is not None:
        # an older record, or an image that was not finished: the names tell which pieces belong together
        source = str(resolved(folder) / pair.target.parent.name / piece[1])
    degradation = pair.degradation
    if task.family == "all_in_one" and not pair.stored:  # other tasks have but one degradation
        degradation = degradation or entry.degradation
    return replace(pair, source=source, degradation=degradation)


def _line(key: str, entry: Entry) -> dict[str, Any]:
    line: dict[str, Any] = {"image": key, "source": entry.source, "files": entry.files}
    return {**line, "degradation": entry.degradation} if entry.degradation else line


def _append(folder: Path, entry: dict[str, Any]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / RECORD).open("ab+") as stream:
            end = stream.seek(0, 2)
            stream.seek(max(end - 1, 0))
            # what a killed process left half written must not spoil this line
            begin = "\n" if stream.read(1) not in (b"", b"\n") else ""
            stream.write(f"{begin}{json.dumps(entry)}\n".encode())
    except OSError as error:
        raise NasError(f"cannot write to {str(folder)!r} ({error}); choose another folder") from error
