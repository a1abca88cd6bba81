"""Lists of pairs: text files of two columns, clean image and degraded image, and the ``meta_info`` files of BasicSR."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from nas.data.found import Fault
from nas.data.pairs import Pair
from nas.data.roles import CLEAN, DEGRADED, file_role, folder_role
from nas.documents import read_text
from nas.errors import NasError, UsageError
from nas.images.files import is_image_name
from nas.tasks.task import Task, get_task

_SEPARATORS = ("\t", "|", ";", ",")
#: what BasicSR writes behind a name: "0001_s001.png (480,480,3)", in its LMDB folders with a compression level
_SIZE = re.compile(r"\s*\(\s*\d+\s*,\s*\d+\s*(?:,\s*\d+\s*)?\)(?:\s+\d+)?(?=\s*(?:[,;|\t]|$))")
_QUOTED = re.compile(r'"[^"]*"')
#: most bytes of a list: a million pairs of long names
MOST_BYTES = 256 * 2**20
#: how often one pair may be repeated, and how many pairs a list may come to
MOST_REPEATS, MOST_PAIRS = 10_000, 5_000_000
#: faulty lines after which a file is no list of pairs
MOST_FAULTS = 1000
_COUNT = re.compile(r"[0-9]{1,9}")
_REPEAT = frozenset(["repeat", "repeats", "count", "number", "times", "n"])


@dataclass(frozen=True)
class _Columns:
    """Which column holds what."""

    clean: int = 0
    degraded: int = 1
    repeat: int = 2
    named: bool = False


def read_pair_list(path: str | Path, task: str | Task, faults: list[Fault] | None = None) -> list[Pair]:
    """Read a list of pairs: rows of clean image, degraded image and perhaps a number of repeats.

    Columns are separated by commas, semicolons, bars, tabs or, where that alone gives files, blanks; fields may stand
    in quotes; paths may have back slashes. Paths are relative to the list's folder, or to a sub-folder of clean images
    there. A first line none of whose fields is a file is a header, which may name the columns in another order
    (``lq,gt``). What follows a name in a ``meta_info`` file, ``(480,480,3)``, is passed over. A row with one column, or
    with two equal ones, has no stored degraded image: the task's degradation is used, or noise where the task is the
    all-in-one mixture.

    Args:
        path: The list.
        task: What the pairs are for.
        faults: Where given, faulty lines are noted here and left out.

    Raises:
        NasError: The list cannot be read, or (without ``faults``) a line is faulty or names a missing file.
        UsageError: There are no rows.
    """
    path, task = Path(path), get_task(task)
    pairs: list[Pair] = []
    found: list[Fault] = []
    columns = _Columns()
    for number, (line, fields) in enumerate(_lines(path)):
        if number == 0:
            header = _header(path, fields)
            if header is not None:
                columns = header
                continue
        try:
            pairs += _row(path, fields, line, columns, task)
        except NasError as error:
            if faults is None:
                raise
            found.append(Fault(path, str(error), "line"))
            if len(found) > MOST_FAULTS:
                raise UsageError(
                    f"{str(path)!r} has more than {MOST_FAULTS} faulty lines, the first: {found[0].sentence}"
                ) from None
        if len(pairs) > MOST_PAIRS:
            raise UsageError(
                f"{str(path)!r}, line {line}: with its repeats the list has more than {MOST_PAIRS:,} pairs; lower them"
            )
    if faults is not None:
        faults += found
    if not pairs and not found:
        raise UsageError(f"pair list {str(path)!r} has no rows; each needs a clean image and a degraded one")
    return pairs


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """(line number, fields) of every line that is not blank."""
    try:
        text = read_text(path, MOST_BYTES)
    except UsageError as error:
        raise NasError(f"pair list: {error}; give a UTF-8 CSV file") from error
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            yield number, _fields(path, line)


def _fields(listing: Path, line: str) -> list[str]:
    whole = _SIZE.sub("", line).strip()
    if _located(listing, whole.strip('"')) is not None:  # the line is one name, whatever is in it
        return [whole.strip('"')]
    bare = _QUOTED.sub("", whole)
    ways = [_split(whole, separator) for separator in _SEPARATORS if separator in bare]
    for fields in ways:
        if all(_located(listing, f) is not None for f in fields[:2] if f):
            return fields
    if ways:
        return ways[0]
    words = whole.split()
    if len(words) > 1 and all(_located(listing, w) is not None for w in words[:2]):
        return words
    return [whole]


def _split(line: str, separator: str) -> list[str]:
    row = next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])
    return [f.strip().strip('"') for f in row]


def _header(listing: Path, fields: list[str]) -> _Columns | None:
    """The columns that a header names; None where the first line is no header."""
    if any(is_image_name(Path(f.replace("\\", "/"))) or _located(listing, f) is not None for f in fields if f):
        return None
    sides = [_side_of(f) for f in fields]
    repeat = next((i for i, f in enumerate(fields) if f.casefold() in _REPEAT), 2)
    if sides.count(CLEAN) == 1 and sides.count(DEGRADED) == 1:
        return _Columns(sides.index(CLEAN), sides.index(DEGRADED), repeat, named=True)
    return _Columns(repeat=repeat)


def _side_of(title: str) -> str:
    return folder_role(re.sub(r"(?i)[ _-]*(path|file|name|image|img)s?$", "", title.strip()) or title).side


def _row(listing: Path, fields: list[str], number: int, columns: _Columns, task: Task) -> list[Pair]:
    """The pair of one line, as many times as its repeats say."""
    wrong = f"{str(listing)!r}, line {number}: expected target, degraded and perhaps a repeat count"
    width = 3 if not columns.named else max(columns.clean, columns.degraded, columns.repeat) + 1
    if len(fields) > width:
        raise NasError(wrong)
    names = [fields[i] if i < len(fields) else "" for i in (columns.clean, columns.degraded, columns.repeat)]
    if len(fields) == 1:
        names = [fields[0], "", ""]
    repeat = names[2] or "1"
    if not _COUNT.fullmatch(repeat) or not 1 <= int(repeat) <= MOST_REPEATS:
        raise NasError(f"{wrong} (1 to {MOST_REPEATS})")
    target = _file(listing, names[0], number)
    degraded = _file(listing, names[1], number) if names[1] else target
    if not columns.named and degraded != target:
        _check_order(listing, names[0], names[1], number)
    name = Path((names[1] if degraded != target else names[0]).replace("\\", "/")).with_suffix("").as_posix()
    noise = "noise" if task.family == "all_in_one" else ""
    if degraded == target:
        return [Pair(name, target, degradation=noise)] * int(repeat)
    return [Pair(name, target, degraded)] * int(repeat)


def _check_order(listing: Path, first: str, second: str, number: int) -> None:
    """NasError where the names say that the degraded image comes first."""
    if (_told(first), _told(second)) == (DEGRADED, CLEAN):
        raise NasError(
            f"{str(listing)!r}, line {number}: {first!r} is degraded by its name and {second!r} clean, but the clean "
            "image comes first, unless a line 'degraded,clean' heads the list; add that line or swap the columns"
        )


def _told(name: str) -> str:
    """The side that a path tells by its folders, or by the name of the file."""
    parts = Path(name.replace("\\", "/")).parts
    sides = [folder_role(p).side for p in parts[:-1] if folder_role(p).side in (CLEAN, DEGRADED)]
    return sides[-1] if sides else file_role(Path(parts[-1]).stem)[0].side


def _file(listing: Path, name: str, number: int) -> Path:
    file = _located(listing, name)
    if file is None:
        missing = listing.parent / name
        raise NasError(f"{str(listing)!r}, line {number}: no image at {str(missing)!r}; paths are relative to the list")
    return file


def _located(listing: Path, name: str) -> Path | None:
    """The file of a name, as it stands or with its back slashes turned; also in the one folder of clean images."""
    if not name or "\0" in name or len(name) > 1024:
        return None
    for spelling in dict.fromkeys((name, name.replace("\\", "/"))):
        for folder in (listing.parent, *_clean_folders(listing.parent)):
            try:
                if (folder / spelling).is_file():
                    return folder / spelling
            except OSError:
                return None
    return None


@lru_cache(maxsize=1)
def _clean_folders(folder: Path) -> tuple[Path, ...]:
    """The one sub-folder of clean images beside a list, such as DIV2K_train_HR_sub beside meta_info.txt."""
    found = [p for p in folder.iterdir() if p.is_dir() and folder_role(p.name).side == CLEAN]
    return tuple(found) if len(found) == 1 else ()
