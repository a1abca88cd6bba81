"""Files that are written whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file beside ``path`` to write to; it takes the place of ``path`` when the block ends well.

    No reader ever sees half a file, and what stood there before stays when writing fails. Two processes may write
    the same file at once: each has a partial file of its own, and the last one wins.

    Args:
        path: The file to be made or replaced; its folder must exist.

    Yields:
        The partial file, which does not exist yet. It keeps the ending of ``path``, by which writers choose a format.
    """
    partial = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def slug(name: object) -> str:
    """A name as part of a file name: letters, digits, ``-``, ``_`` and ``.`` stay, all else becomes ``-``.

    The result never begins with a dot and never is empty, so it can neither hide a file nor leave its folder.
    """
    text = "".join(c if c.isalnum() or c in "-_." else "-" for c in str(name)).lstrip(".")
    return text or "unnamed"


def write_text(path: Path, text: str) -> Path:
    """Write ``text`` (UTF-8) beside ``path`` and move it into place, so that no reader ever sees half a file.

    Args:
        path: The file; its folder must exist.
        text: The whole new content.

    Returns:
        ``path``.
    """
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")
    return path


def write_json(path: Path, content: Any) -> Path:
    """Write ``content`` as indented JSON, atomically.

    Args:
        path: The file; its folder must exist.
        content: Plain values, mappings, sequences, paths and dataclasses, nested as deeply as needed.

    Returns:
        ``path``.
    """
    return write_text(path, json.dumps(plain(content), indent=2) + "\n")


def plain(content: Any) -> Any:
    """``content`` as JSON and YAML can hold it: dataclasses as mappings, tuples as lists, paths as text."""
    if is_dataclass(content) and not isinstance(content, type):
        return plain(asdict(content))
    if isinstance(content, Mapping):
        return {str(k): plain(v) for k, v in content.items()}
    if isinstance(content, Sequence) and not isinstance(content, str):
        return [plain(v) for v in content]
    return str(content) if isinstance(content, Path) else content
