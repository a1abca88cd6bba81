"""Lists of pairs: CSV files of two columns, clean image and degraded image."""

from __future__ import annotations

from pathlib import Path

from nas.data.pairs import Pair
from nas.errors import NasError, UsageError
from nas.images.files import is_image_name
from nas.tasks.task import Task, get_task


def read_pair_list(path: str | Path, task: str | Task, problems: list[str] | None = None) -> list[Pair]:
    """Read a list of pairs: rows of ``target, degraded``, separated by ``,`` or ``|``.

    Paths are relative to the list's folder. A first line that is no image name is a header. A row with one column, or
    with two equal ones, has no stored degraded image: the task's degradation is used, or noise where the task is the
    all-in-one mixture. A third column repeats the row so many times.

    Args:
        path: The list.
        task: What the pairs are for.
        problems: Where given, sentences about faulty lines are added here and the lines left out.

    Raises:
        NasError: The list cannot be read, or (without ``problems``) a line is faulty or names a missing file.
        UsageError: There are no rows.
    """
    path, task = Path(path), get_task(task)
    pairs: list[Pair] = []
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise NasError(f"pair list {str(path)!r} cannot be read ({error}); give a UTF-8 CSV file") from error
    for number, line in enumerate(text.splitlines(), start=1):
        fields = [f.strip().strip('"') for f in line.replace("|", ",").split(",")]
        if not any(fields):
            continue
        if number == 1 and not is_image_name(Path(fields[0])):
            continue  # a header
        try:
            pairs += _row(path, fields, number, task)
        except NasError as error:
            if problems is None:
                raise
            problems.append(str(error))
    if not pairs and not problems:
        raise UsageError(f"pair list {str(path)!r} has no rows; each needs a clean image and a degraded one")
    return pairs


def _row(listing: Path, fields: list[str], number: int, task: Task) -> list[Pair]:
    """The pair of one line, as many times as its third column says."""
    target = _file(listing, fields[0], number)
    degraded = _file(listing, fields[1], number) if len(fields) > 1 and fields[1] else target
    repeat = fields[2] if len(fields) > 2 and fields[2] else "1"
    if len(fields) > 3 or not repeat.isdigit() or int(repeat) < 1:
        raise NasError(f"{str(listing)!r}, line {number}: expected target, degraded and perhaps a repeat count")
    name = Path(fields[1] if degraded != target else fields[0]).with_suffix("").as_posix()
    noise = "noise" if task.family == "all_in_one" else ""
    if degraded == target:
        return [Pair(name, target, degradation=noise)] * int(repeat)
    return [Pair(name, target, degraded)] * int(repeat)


def _file(listing: Path, name: str, number: int) -> Path:
    file = listing.parent / name
    if not file.is_file():
        raise NasError(f"{str(listing)!r}, line {number}: no image at {str(file)!r}; paths are relative to the list")
    return file
