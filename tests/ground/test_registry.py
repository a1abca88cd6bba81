"""Names to things: stable order, nearest name, no two things of one name."""

from __future__ import annotations

import pytest

from nas.errors import UsageError
from nas.registry import Registry, load_plugin


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


def test_a_removed_name_is_gone_everywhere_and_may_be_registered_anew() -> None:
    registry: Registry[int] = Registry("number")
    registry.add("one", 1)
    registry.add_lazy("two", lambda: 2)
    for name in ("one", "two", "never there"):
        registry.remove(name)
    assert registry.names() == [] and "one" not in registry and "two" not in registry
    assert registry.add("one", 11) == 11


@pytest.mark.parametrize("name", ["", "..", "../../nowhere", "a b", "a..b", ".relative", "1", "-m"])
def test_what_can_be_no_plugin_is_refused_in_a_sentence(name: str) -> None:
    with pytest.raises(UsageError, match=r"neither a \.py file nor the name of a module"):
        load_plugin(name)
