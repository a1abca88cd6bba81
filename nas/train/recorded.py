"""What a run folder holds of its own beginning: the space, the genotype and the split of images.

A run that is resumed is rebuilt from these, not from the files that its settings name: those may have been moved or
changed since.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nas.documents import is_document, read_text
from nas.errors import NasError
from nas.space import Genotype, Space, space_from_document
from nas.train.made_of import MOST_RECORD, MadeOf
from nas.train.recorded_images import ImageRecord


def recorded_space(folder: Path) -> Space | None:
    """The space in a run folder; None where there is none.

    Raises:
        NasError: space.json is damaged, or names blocks that are not registered.
    """
    document = _json(folder / "space.json")
    return None if document is None else space_from_document(document)


def recorded_genotype(folder: Path) -> Genotype | None:
    """The genotype in a run folder; None where there is none.

    Raises:
        NasError: genotype.json is damaged.
    """
    file = folder / "genotype.json"
    return Genotype.load(file) if is_document(file) else None


def recorded_images(folder: Path) -> dict[str, list[ImageRecord]] | None:
    """The images of a run by part, from made_of.json, or by name alone from the data.json of earlier versions.

    Returns:
        None for a run that has neither file.

    Raises:
        NasError: A file is damaged.
    """
    record = MadeOf.read(folder)
    if record is not None and record.images:
        return record.images
    names = _json(folder / "data.json")
    if names is None:
        return None
    if not isinstance(names, dict) or not all(isinstance(v, Sequence) for v in names.values()):
        raise NasError(f"{str(folder / 'data.json')!r} is damaged; restore it, or delete it to split the images again")
    return {str(part): [ImageRecord(str(name)) for name in found] for part, found in names.items()}


def _json(path: Path) -> Any:
    if not is_document(path):
        return None
    try:
        return json.loads(read_text(path, MOST_RECORD))
    except (ValueError, RecursionError) as error:
        raise NasError(
            f"{str(path)!r} is damaged ({error}); restore it, or delete it and --resume makes it again"
        ) from None
