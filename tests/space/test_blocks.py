"""Registering blocks: by decorator, by declaration, and what is refused."""

from __future__ import annotations

import sys
import types
from collections.abc import Iterator

import pytest

from nas.errors import NasError, UsageError
from nas.space import ATTENTIONS, OPERATIONS, SKELETONS, block, space_from_document
from nas.space.blocks import BlockInfo, BlockRegistry


@pytest.fixture
def own_block() -> Iterator[str]:
    @block("operation", zero=False, cost=lambda channels, height, width: channels * height * width)
    def my_own_block(channels: int) -> tuple[str, int]:
        return "built", channels

    yield "my_own_block"
    OPERATIONS.remove("my_own_block")
    assert "my_own_block" not in OPERATIONS and "my_own_block" not in OPERATIONS.names()


def test_a_decorated_function_is_a_candidate_by_its_own_name(own_block: str) -> None:
    info = OPERATIONS.get(own_block)
    assert info.build(8) == ("built", 8) and info.cost is not None and info.cost(2, 3, 4) == 24
    cell = {"role": "operation", "nodes": 2, "candidates": [own_block, "rb"]}
    assert space_from_document({"format": "nas.space/1", "cells": {"operation": cell}}).size() == 8


def test_a_second_block_of_the_same_name_is_refused(own_block: str) -> None:
    with pytest.raises(UsageError, match="registered twice"):
        block("operation", name=own_block)(lambda channels: None)


def test_an_unknown_role_is_refused() -> None:
    with pytest.raises(UsageError, match="did you mean 'operation'"):
        block("operations")


def test_a_declared_block_imports_its_module_only_when_built(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = BlockRegistry("operation block")
    registry._searched = True
    registry.declare("later", "no_such_module_at_all", zero=True)
    assert "later" in registry and registry.traits("later").zero
    with pytest.raises(ModuleNotFoundError):
        registry.get("later")
    monkeypatch.setitem(sys.modules, "no_such_module_at_all", types.ModuleType("no_such_module_at_all"))
    with pytest.raises(NasError, match="registers no operation block 'later'"):
        registry.get("later")
    with pytest.raises(NasError, match="other zero/identity flags"):
        registry.add("later", BlockInfo("later", "operation", lambda channels: None))


@pytest.mark.parametrize(
    ("registry", "name"), [(r, n) for r in (OPERATIONS, ATTENTIONS) for n in r.names() if n != "my_own_block"]
)
def test_every_declared_block_exists_with_the_declared_traits(registry: BlockRegistry, name: str) -> None:
    info, traits = registry.get(name), registry.traits(name)
    assert (info.name, info.zero, info.identity) == (name, traits.zero, traits.identity)
    assert info.channel_multiple in (1, traits.channel_multiple)


def test_the_skeleton_says_how_narrow_a_cell_may_be() -> None:
    assert SKELETONS.traits("jsnet").min_features == 32
    with pytest.raises(UsageError, match="did you mean 'jsnet'"):
        SKELETONS.traits("jsnat")
