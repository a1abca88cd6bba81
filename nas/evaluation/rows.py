"""The evaluation row: one model on one set, with everything needed to repeat it. CSV in, CSV out."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from nas.errors import NasError
from nas.files import locked, replacing


@dataclass(frozen=True)
class EvaluationRow:
    """One line of an evaluation CSV. Empty string or None means: not measured.

    psnr, psnr_b in dB; ssim in 0..1; multiply_adds counts one per weight and output position of every
    convolution and matrix product, for an output of ``cost_output`` ("1280x720", width x height);
    activations counts output elements of all convolutions at that size; latency in milliseconds;
    peak_memory in MiB. ``data`` stands for names and contents of the images (twelve hexadecimal digits). ``source``
    is "measured" or "published: <where>".
    """

    model: str
    task: str
    set: str
    images: int | None = None
    psnr: float | None = None
    ssim: float | None = None
    psnr_b: float | None = None
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


_TYPES = {f.name: str(f.type) for f in fields(EvaluationRow)}
COLUMNS = tuple(_TYPES)


def write_rows(path: str | Path, rows: Iterable[EvaluationRow], append: bool = False) -> Path:
    """Write rows as CSV with a header; with ``append`` earlier rows of the file are kept.

    Written beside and moved into place, so that a killed process never leaves half a table.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = read_rows(path) if append and path.exists() else []
    target = path.resolve()  # a link stays a link
    with replacing(target) as partial:
        with partial.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=COLUMNS, lineterminator="\n")
            writer.writeheader()
            for row in [*kept, *rows]:
                writer.writerow({k: "" if v is None else v for k, v in asdict(row).items()})
        if target.exists():
            shutil.copymode(target, partial)
    return path


def change_rows(path: str | Path, change: Callable[[list[EvaluationRow]], list[EvaluationRow]]) -> list[EvaluationRow]:
    """Read the table (none yet: no rows), write what ``change`` makes of it, and return that.

    Several processes may do so with one table at once: each waits for the one before it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path.resolve()):
        rows = change(read_rows(path) if path.exists() else [])
        write_rows(path, rows)
    return rows


def read_rows(path: str | Path) -> list[EvaluationRow]:
    """Read rows written by ``write_rows``; columns may be missing, unknown ones are an error."""
    path = Path(path)
    if not path.is_file():
        raise NasError(f"no evaluation rows at {str(path)!r}; make them with 'nas evaluate ... --out {path.name}'")
    try:
        text = path.read_text(encoding="utf-8-sig")  # spreadsheets put a mark before the first letter
    except UnicodeDecodeError as error:
        raise NasError(f"{str(path)!r} is not an evaluation table: it is no text in UTF-8") from error
    if not text:
        return []
    with io.StringIO(text, newline="") as file:
        reader = csv.DictReader(file)
        header = list(reader.fieldnames or [])
        unknown = [c for c in header if c not in _TYPES]
        if unknown or not {"model", "task", "set"} <= set(header):
            what = f"unknown columns {', '.join(unknown)}" if unknown else "no columns model, task and set"
            raise NasError(f"{str(path)!r} is not an evaluation table: it has {what}")
        rows = []
        for number, record in enumerate(reader, start=2):
            if None in record or None in record.values():
                raise NasError(f"{str(path)!r}, line {number} has not as many fields as the header; mend or remove it")
            try:
                rows.append(EvaluationRow(**{k: _parse(_TYPES[k], v) for k, v in record.items()}))  # type: ignore[arg-type]
            except (TypeError, ValueError) as error:
                raise NasError(f"{str(path)!r}, line {number}: {error}; mend or remove that line") from error
    return rows


def _parse(kind: str, text: str | None) -> str | int | float | None:
    text = text or ""
    if kind.startswith("str"):
        return text
    if text == "":
        return None
    return int(text) if kind.startswith("int") else float(text)
