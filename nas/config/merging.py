"""Trees of plain values laid over each other."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any


def merged(base: Mapping[str, Any], more: Mapping[str, Any], whole: Collection[str] = ()) -> dict[str, Any]:
    """``base`` with the values of ``more`` over it, mapping by mapping; neither is changed.

    Args:
        base: Nested mappings of plain values.
        more: What is laid over it. A mapping over a mapping is merged; anything else replaces what stood there.
        whole: Keys whose mappings are replaced as a whole, at any depth.

    Returns:
        A new tree; mappings of ``base`` and ``more`` are not shared with it.
    """
    result: dict[str, Any] = {k: merged(v, {}) if isinstance(v, Mapping) else v for k, v in base.items()}
    for key, value in more.items():
        if not isinstance(value, Mapping):
            result[key] = value
        elif key in whole or not isinstance(result.get(key), Mapping):
            result[key] = merged(value, {})
        else:
            result[key] = merged(result[key], value, whole)
    return result
