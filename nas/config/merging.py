"""Merging of trees of plain values."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any


def merged(base: Mapping[str, Any], more: Mapping[str, Any], whole: Collection[str] = ()) -> dict[str, Any]:
    """Merge two trees, mapping by mapping.

    Args:
        base: Nested mappings of plain values.
        more: Values that take precedence. Two mappings are merged; any other value replaces that of ``base``.
        whole: Keys whose mappings are replaced as a whole, at any depth.

    Returns:
        A new tree, which shares no mapping with ``base`` or ``more``.
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
