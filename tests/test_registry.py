"""Names to things: stable order, nearest name, no two things of one name."""

from __future__ import annotations

import pytest

from nas.errors import UsageError
from nas.registry import Registry


def test_loading_a_lazy_thing_does_not_move_its_name() -> None:
    registry: Registry[int] = Registry("number")
    for index, name in enumerate(("one", "two", "three")):
        registry.add_lazy(name, lambda index=index: index)
    before = registry.names()
    assert registry.get("one") == 0
    assert registry.names() == before == ["one", "two", "three"]


def test_an_unknown_name_offers_the_nearest() -> None:
    registry: Registry[int] = Registry("number")
    registry.add("seven", 7)
    with pytest.raises(UsageError, match="unknown number 'sevn'; did you mean 'seven'"):
        registry.get("sevn")


def test_a_name_means_one_thing() -> None:
    registry: Registry[object] = Registry("thing")
    thing = registry.add("a", object())
    assert registry.add("a", thing) is thing
    with pytest.raises(UsageError, match="registered twice"):
        registry.add("a", object())
