"""The evaluation row: one model on one set, with all that is needed to make it again. CSV in, CSV out."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nas.documents import read_text
from nas.errors import NasError, UsageError
from nas.files import locked, remove_partial_files, replacing, resolved
from nas.names import defused, restored

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class EvaluationRow:
    """One line of an evaluation table. None or an empty string means: not measured, not known.

    Attributes:
        model: Name of the model.
        task: Name of the task.
        set: Name of the benchmark set.
        images: How many images the numbers are the mean of.
        psnr: In dB, the mean over the images that are not restored exactly; None where all are.
        ssim: In 0..1.
        psnr_b: PSNR-B in dB, for compressed images.
        exact: How many images are restored exactly; their PSNR is infinite and is left out of the mean.
        metrics: Means of further metrics ("lpips=0.123, mae=2.41"); a file without any lacks the column.
        protocol: How the images were made and compared, in words.
        genotype: Hash of the genotype of a searched network.
        parameters: Elements of all parameters.
        multiply_adds: Of all convolutions and matrix products, for an output of ``cost_output``.
        cost_output: Width x height of that output, e.g. "1280x720".
        activations: Output elements of all convolutions at that size.
        convolutions: How many convolutions are computed.
        latency_median_ms: Median latency in milliseconds.
        latency_spread_ms: Its interquartile range in milliseconds.
        latency_size: Width x height of the *input* that was timed.
        device: Where the network ran; with a latency also the number of threads.
        dtype: Number type.
        peak_memory_mib: In MiB.
        training: How the weights were trained, e.g. "data=T91, steps=4000, batch=16, seed=0".
        seed: Of the degradations that draw random numbers.
        weights: "<path>#<hash of the tensors>".
        data: Twelve hexadecimal digits of a hash over names and contents of the images.
        source: "measured", or "published: <paper, table>".
        jsnas: Version of this package.
        torch: Version of torch.
        commit: Commit of the source tree.
        command: What was typed.
    """

    model: str
    task: str
    set: str
    images: int | None = None
    psnr: float | None = None
    ssim: float | None = None
    psnr_b: float | None = None
    exact: int | None = None
    metrics: str = ""
    protocol: str = ""
    genotype: str = ""
    parameters: int | None = None
    multiply_adds: int | None = None
    cost_output: str = ""
    activations: int | None = None
    convolutions: int | None = None
    latency_median_ms: float | None = None
    latency_spread_ms: float | None = None
    latency_size: str = ""
    device: str = ""
    dtype: str = ""
    peak_memory_mib: float | None = None
    training: str = ""
    seed: int | None = None
    weights: str = ""
    data: str = ""
    source: str = "measured"
    jsnas: str = ""
    torch: str = ""
    commit: str = ""
    command: str = ""


#: most bytes of a table: a hundred times the 10,000 rows of a large campaign
MOST_TABLE = 512 * 2**20
#: column -> "str", "int" or "float", in the order of the CSV
COLUMN_TYPES = {f.name: str(f.type).partition(" ")[0] for f in fields(EvaluationRow)}
#: the same as pandas calls it; whole numbers are of the type that can be missing
_FRAME_TYPES = {"str": "str", "int": "Int64", "float": "float64"}


class EvaluationRows(list[EvaluationRow]):
    """A list of evaluation rows that turns into a DataFrame and back."""

    def frame(self) -> pd.DataFrame:
        """The rows as a DataFrame.

        Returns:
            One line a row in the order of the list, one column a field of ``EvaluationRow``. Text is ``str`` and empty
            where it is unknown; ``psnr`` and the like are ``float64`` and NaN where they were not measured; whole
            numbers are ``Int64`` and NA where they were not measured.
        """
        import pandas as pd

        columns = {
            name: pd.Series([getattr(row, name) for row in self], dtype=_FRAME_TYPES[kind])
            for name, kind in COLUMN_TYPES.items()
        }
        return pd.DataFrame(columns)

    @classmethod
    def from_frame(cls, frame: pd.DataFrame) -> EvaluationRows:
        """Read rows from a DataFrame, as ``frame`` makes it.

        Args:
            frame: Columns may be missing, except ``model``, ``task`` and ``set``; NaN and NA mean: not measured.

        Returns:
            The rows in the order of the frame.

        Raises:
            NasError: A column is unknown, or one of the three is missing.
        """
        _check_columns([str(c) for c in frame.columns], "the DataFrame")
        names = [str(c) for c in frame.columns]
        columns = [[_value(name, v) for v in frame[name]] for name in names]
        return cls(EvaluationRow(**dict(zip(names, values, strict=True))) for values in zip(*columns, strict=True))


def measurement_key(row: EvaluationRow) -> tuple[object, ...]:
    """What makes two rows the same measurement, whatever machine or command made them."""
    tensors = row.weights.rpartition("#")[2]
    asked = (row.model, row.task, row.set, row.images, row.protocol, row.dtype, row.seed)
    further = tuple(value.partition("=")[0] for value in row.metrics.split(", ")) if row.metrics else ()
    return (*asked, row.genotype, tensors, row.source, *further)


def write_rows(path: str | Path, rows: Iterable[EvaluationRow], append: bool = False) -> Path:
    """Write rows as a CSV file with a header, whole or not at all.

    Args:
        path: The file; its folder is made.
        rows: What is written.
        append: Keep the rows that the file already has, before the new ones.

    Returns:
        ``path``.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    written = [*(read_rows(path) if append and path.exists() else []), *rows]
    columns = [name for name in COLUMN_TYPES if name != "metrics" or any(row.metrics for row in written)]
    target = resolved(path)  # a link stays a link
    with replacing(target) as partial:
        with partial.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(columns)
            for row in written:
                writer.writerow([_cell(getattr(row, name)) for name in columns])
        if target.exists():
            shutil.copymode(target, partial)
    return path


def change_rows(path: str | Path, change: Callable[[list[EvaluationRow]], list[EvaluationRow]]) -> EvaluationRows:
    """Change a table that other processes may be changing as well: each waits for the one before it.

    Args:
        path: The file; one that is not there has no rows.
        change: Gets the rows of the file and returns what is to be written.

    Returns:
        The rows that were written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(resolved(path)):
        remove_partial_files(resolved(path).parent, of=resolved(path))  # nobody else writes it now
        rows = EvaluationRows(change(read_rows(path) if path.exists() else []))
        write_rows(path, rows)
    return rows


def read_rows(path: str | Path) -> EvaluationRows:
    """Read rows that ``write_rows`` wrote.

    Args:
        path: A CSV file; columns may be missing, except ``model``, ``task`` and ``set``.

    Returns:
        Its rows; none for an empty file.

    Raises:
        NasError: The file is not there, has unknown columns, or a damaged line.
    """
    path = Path(path)
    if not path.is_file():
        raise NasError(f"no evaluation rows at {str(path)!r}; make them with 'nas evaluate ... --out {path.name}'")
    try:
        text = read_text(path, MOST_TABLE)
    except UsageError as error:
        raise NasError(f"{str(path)!r} is not an evaluation table: {error}") from error
    if not text:
        return EvaluationRows()
    reader = csv.DictReader(io.StringIO(text, newline=""))
    _check_columns(list(reader.fieldnames or []), repr(str(path)))
    rows = EvaluationRows()
    for number, record in enumerate(_records(reader, path), start=2):
        if None in record or None in record.values():
            raise NasError(
                f"{str(path)!r}, line {number} does not have as many fields as the header; correct or remove it"
            )
        try:
            rows.append(EvaluationRow(**{name: _parsed(name, text) for name, text in record.items()}))
        except (TypeError, ValueError, OverflowError) as error:
            raise NasError(f"{str(path)!r}, line {number}: {error}; correct or remove that line") from error
    return rows


def _records(reader: csv.DictReader[str], path: Path) -> Iterator[dict[str, str | None]]:
    """The lines of a table; what begins with the mark of ``defused`` loses it again."""
    try:
        for record in reader:
            yield {k: restored(v) if isinstance(v, str) else v for k, v in record.items()}
    except csv.Error as error:
        raise NasError(f"{str(path)!r}, line {reader.line_num}: {error}; correct or remove that line") from error


def _cell(value: object) -> object:
    if value is None:
        return ""
    return defused(value) if isinstance(value, str) else value


def _check_columns(found: list[str], where: str) -> None:
    unknown = [c for c in found if c not in COLUMN_TYPES]
    if unknown or not {"model", "task", "set"} <= set(found):
        what = f"unknown columns {', '.join(map(ascii, unknown))}" if unknown else "no columns model, task and set"
        raise NasError(f"{where} is not an evaluation table: it has {what}")


def _parsed(name: str, text: str | None) -> Any:
    """The value of a field from its text; empty means None, or empty text."""
    kind = COLUMN_TYPES[name]
    if kind == "str":
        return text or ""
    if not text:
        return None
    return int(text) if kind == "int" else float(text)


def _value(name: str, value: Any) -> Any:
    """The value of a field from a DataFrame, where whatever is missing is NaN, NA or None."""
    import pandas as pd

    kind = COLUMN_TYPES[name]
    if pd.isna(value):
        return "" if kind == "str" else None
    return {"str": str, "int": int, "float": float}[kind](value)
