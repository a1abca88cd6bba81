"""Documents of others: read as plain values, or refused in a sentence before they cost time or memory."""

from __future__ import annotations

import json
import os
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from nas.documents import MOST_BYTES, MOST_DEPTH, MOST_VALUES, is_document, parse_json, parse_yaml, read_text
from nas.errors import UsageError

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def bomb(levels: int, width: int) -> str:
    lines = [f"a0: &a0 [{', '.join(['x'] * width)}]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * width)}]" for i in range(1, levels)]
    return "\n".join(lines)


def merge_bomb(levels: int, width: int) -> str:
    lines = [f"a0: &a0 {{{', '.join(f'k{i}: 1' for i in range(width))}}}"]
    lines += [f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * width)}], x{i}: 1}}" for i in range(1, levels)]
    return "\n".join(lines)


HOSTILE_YAML = {
    "alias bomb": bomb(9, 9),
    "merge bomb": merge_bomb(9, 9),
    "wide alias bomb": bomb(3, 200),
    "alias within itself": "a: &a [1, *a]",
    "merge within itself": "a: &a {<<: *a}",
    "unknown alias": "a: *nowhere",
    "deep flow": "[" * 5000,
    "deep block": "".join("  " * i + "a:\n" for i in range(MOST_DEPTH + 10)),
    "many values": "- a\n" * (MOST_VALUES + 1),
    "large": "a: " + "x" * MOST_BYTES,
    "python object": "a: !!python/object/apply:os.system [echo]",
    "python name": "a: !!python/name:os.system",
    "timestamp": "a: !!timestamp never",
    "date as a key with a tag": "!!timestamp 2020-01-01: 1",
    "integer that is none": "a: !!int abc",
    "float that is none": "a: !!float abc",
    "binary": "a: !!binary abc=",
    "set": "a: !!set {x, y}",
    "ordered map": "a: !!omap [x: 1]",
    "own tag": "a: !mine 1",
    "thousands of digits": "a: " + "9" * 10_000,
    "hundreds of digits": "a: " + "9" * 400,
    "hexadecimal of thousands of digits": "a: 0x" + "f" * 4000,
    "list as a key": "? [a, b]\n: 1",
    "map as a key": "? {a: b}\n: 1",
    "two documents": "a: 1\n---\nb: 2",
    "control character": "a: \x01",
    "tab as indentation": "a:\n\t- b",
    "unclosed": "a: [1, 2",
    "percent": "%YAML 9.9\n---\na: 1",
}


@pytest.mark.parametrize("name", HOSTILE_YAML)
def test_yaml_that_is_no_plain_small_document_is_refused_in_a_sentence(name: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(UsageError, match=r"^the file") as caught:
            parse_yaml(HOSTILE_YAML[name], "the file")
        assert tracemalloc.get_traced_memory()[1] < 200 * 2**20
    finally:
        tracemalloc.stop()
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


@given(PLAIN)
def test_what_yaml_writes_is_read_back(values: Any) -> None:
    text = yaml.safe_dump(values, allow_unicode=True)
    assert parse_yaml(text, "text") == yaml.safe_load(text)


@given(PLAIN)
def test_what_json_writes_is_read_back(values: Any) -> None:
    assert parse_json(json.dumps(values), "text") == values


@given(st.text(alphabet=st.sampled_from("{}[]:,&*!<>-?|%@`'\"#\n\t 0a9e.+_~=\x00\u2028\ud800²"), max_size=40))
def test_any_text_is_plain_values_or_refused(text: str) -> None:
    for parse in (parse_json, parse_yaml):
        try:
            values = parse(text, "text")
        except UsageError as error:
            assert str(error).startswith("text")
        else:
            json.dumps(values, default=str)


def test_a_date_is_text() -> None:
    assert parse_yaml("a: 2020-01-01\nb: 2020-01-01T00:00:00Z", "text") == {
        "a": "2020-01-01",
        "b": "2020-01-01T00:00:00Z",
    }


def test_aliases_and_merged_keys_within_reason_are_read() -> None:
    text = "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: [*a, *a]"
    assert parse_yaml(text, "text")["b"] == {"x": 1, "y": 3}


HOSTILE_JSON = {
    "deep": "[" * 100_000,
    "deep but closed": "[" * (MOST_DEPTH + 2) + "]" * (MOST_DEPTH + 2),
    "many keys": json.dumps({str(i): {} for i in range(60_000)}),
    "many values": json.dumps([0] * (MOST_VALUES + 1)),
    "large": json.dumps("x" * MOST_BYTES),
    "thousands of digits": '{"a": ' + "9" * 5000 + "}",
    "hundreds of digits": '{"a": ' + "9" * 400 + "}",
    "repeated key": '{"a": 1, "b": 2, "a": 3}',
    "cut": '{"a": [1, 2',
    "no json": "hello",
    "empty": "",
    "trailing": '{"a": 1} x',
}


@pytest.mark.parametrize("name", HOSTILE_JSON)
def test_json_that_is_no_plain_small_document_is_refused_in_a_sentence(name: str) -> None:
    with pytest.raises(UsageError, match=r"^the file") as caught:
        parse_json(HOSTILE_JSON[name], "the file")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


def test_only_regular_files_of_limited_size_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(b"x" * 101)
    (tmp_path / "latin").write_bytes("é".encode("latin-1"))
    refused = {
        tmp_path / "pipe": "no regular file",
        tmp_path: "a folder",
        tmp_path / "none": "No such file",
        tmp_path / "large": "larger than",
        tmp_path / "latin": "not UTF-8",
        tmp_path / ("n" * 5000): "too long",
        Path("a\0b"): "no possible path",
    }
    if Path("/dev/zero").exists():
        refused[Path("/dev/zero")] = "no regular file"
    for path, words in refused.items():
        with pytest.raises(UsageError, match=words):
            read_text(path, 100)


def test_only_what_is_absent_counts_as_no_document(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    (tmp_path / "gone").symlink_to(tmp_path / "nothing")
    assert is_document(tmp_path / "file") and is_document(tmp_path / "link")
    assert not is_document(tmp_path / "none") and not is_document(tmp_path / "none" / "none")
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "gone"):
        with pytest.raises(UsageError, match="is no regular file"):
            is_document(path)


def test_a_byte_order_mark_is_dropped(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\xef\xbb\xbfhello")
    assert read_text(tmp_path / "a") == "hello"
