"""Registries in tests: what is put in for a while is taken out again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from nas.registry import Registry

T = TypeVar("T")


@contextmanager
def replaced(registry: Registry[T], name: str, thing: T) -> Iterator[None]:
    """``thing`` stands for ``name`` inside, what it was before afterwards."""
    genuine = registry.get(name)
    registry.remove(name)
    registry.add(name, thing)
    try:
        yield
    finally:
        registry.remove(name)
        registry.add(name, genuine)
