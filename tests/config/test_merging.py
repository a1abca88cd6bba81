"""Trees are merged mapping by mapping, and numbers are read as people write them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.config.merging import merged
from nas.documents import parse_yaml

KEYS = st.sampled_from("abc")
TREES = st.recursive(st.integers(), lambda inner: st.dictionaries(KEYS, inner, max_size=3), max_leaves=8)
MAPPINGS = st.dictionaries(KEYS, TREES, max_size=3)


def leaves(tree: dict[str, Any], path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    found = {}
    for key, value in tree.items():
        found |= leaves(value, (*path, key)) if isinstance(value, dict) and value else {(*path, key): value}
    return found


@given(MAPPINGS, MAPPINGS)
def test_merged_values_take_precedence_and_the_rest_stays(base: dict[str, Any], more: dict[str, Any]) -> None:
    copy = repr((base, more))
    result = merged(base, more)
    assert repr((base, more)) == copy  # neither is changed
    found = leaves(result)
    for path, value in leaves(more).items():
        assert value == {} or found[path] == value
    for path, value in leaves(base).items():
        over = any(path[: len(other)] == other or other[: len(path)] == path for other in leaves(more))
        assert over or found[path] == value


def test_some_mappings_are_replaced_as_a_whole() -> None:
    assert merged({"network": {"a": 1}, "x": {"a": 1}}, {"network": {"b": 2}, "x": {"b": 2}}, ["network"]) == {
        "network": {"b": 2},
        "x": {"a": 1, "b": 2},
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5e-4", 5e-4),
        ("1E3", 1e3),
        ("-2.5e-3", -2.5e-3),
        (".5e1", 5.0),
        ("3", 3),
        ("0.25", 0.25),
        ("1e", "1e"),
        ("e5", "e5"),
        ("'5e-4'", "5e-4"),
        ("[1e-3, a]", [1e-3, "a"]),
        ("{lr: 5e-4}", {"lr": 5e-4}),
        ("run-1e-3", "run-1e-3"),
        ("true", True),
        ("null", None),
    ],
)
def test_numbers_with_exponents_are_numbers_and_text_stays_text(text: str, value: object) -> None:
    found = parse_yaml(text, "text", exponents=True)
    assert found == value and type(found) is type(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_survives_being_written(value: float) -> None:
    assert parse_yaml(repr(value), "text", exponents=True) == value
