"""Restored images on disk: where they are written, and which measurement they belong to."""

from __future__ import annotations

from pathlib import Path

from nas.errors import UsageError
from nas.evaluation.benchmark_sets import BenchmarkSet
from nas.evaluation.rows import EvaluationRow, measurement_key
from nas.files import remove_partial_files, resolved, write_text
from nas.names import inside

#: names under which the true and the degraded images are written, as if they were models
REFERENCES = ("target", "degraded")
#: file beside saved images that says which measurement they belong to
_MADE_BY = ".made_by"


def image_path(root: str | Path, model: str, one: BenchmarkSet, image: str) -> Path:
    """The file of one image: <root>/<model>/<task>/<set>/<image>.png, never outside of ``root``."""
    return inside(root, model, one.task.name, one.name, f"{image}.png")


def check_images(root: str | Path, model: str, one: BenchmarkSet) -> None:
    """See that the images of a model can be saved without writing over anything.

    Raises:
        UsageError: One would replace an image that is measured, or two have one name.
    """
    sources = {resolved(file) for pair in one.pairs for file in (pair.target, pair.degraded) if file is not None}
    taken: dict[Path, str] = {}
    for pair in one.pairs:
        for version in (model, *REFERENCES):
            path = image_path(root, version, one, pair.name)
            if resolved(path) in sources:
                raise UsageError(
                    f"saving images below {str(root)!r} would replace {str(path)!r}, which is measured; "
                    "choose another --save-images"
                )
        other = taken.setdefault(image_path(root, model, one, pair.name), pair.name)
        if other != pair.name:
            raise UsageError(
                f"{other!r} and {pair.name!r} of {one.name} would be saved as one file; rename one of them"
            )


def disown_images(root: str | Path, model: str, one: BenchmarkSet) -> None:
    """Note that the images of a model belong to no measurement, until all of them have been written."""
    (_folder(root, model, one) / _MADE_BY).unlink(missing_ok=True)
    remove_partial_files(_folder(root, model, one))


def assign_images(root: str | Path, row: EvaluationRow, one: BenchmarkSet) -> None:
    """Note that the images of a model are those of ``row``; all of them must have been written."""
    write_text(_folder(root, row.model, one) / _MADE_BY, _signature(row))


def has_images(root: str | Path, row: EvaluationRow, one: BenchmarkSet) -> bool:
    """Whether all images of a set are there and belong to the measurement of ``row``."""
    made_by = _folder(root, row.model, one) / _MADE_BY
    if not made_by.is_file() or made_by.read_text(encoding="utf-8") != _signature(row):
        return False
    return all(image_path(root, row.model, one, pair.name).is_file() for pair in one.pairs)


def _folder(root: str | Path, model: str, one: BenchmarkSet) -> Path:
    return inside(root, model, one.task.name, one.name)


def _signature(row: EvaluationRow) -> str:
    return repr((*measurement_key(row), row.data)) + "\n"
