"""Files that are written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any


def write_text(path: Path, text: str) -> Path:
    """Write ``text`` (UTF-8) beside ``path`` and move it into place, so that no reader ever sees half a file.

    Args:
        path: The file; its folder must exist.
        text: The whole new content.

    Returns:
        ``path``.
    """
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
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
