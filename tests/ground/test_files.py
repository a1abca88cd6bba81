"""Files are replaced whole or not at all, and names from elsewhere stay inside their folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.files import replacing, slug, write_json, write_text


def test_a_file_is_replaced_when_writing_ends_well(tmp_path: Path) -> None:
    file = write_text(tmp_path / "a.txt", "old")
    assert write_text(file, "new\n").read_text() == "new\n"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_a_failed_write_leaves_the_earlier_file_and_nothing_else(tmp_path: Path, error: BaseException) -> None:
    file = write_text(tmp_path / "a.txt", "old")
    with pytest.raises(type(error)), replacing(file) as partial:
        partial.write_text("half")
        raise error
    assert file.read_text() == "old" and [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_the_partial_file_keeps_the_ending_that_names_its_format(tmp_path: Path) -> None:
    with replacing(tmp_path / "a.b.png") as partial:
        assert partial.suffix == ".png" and partial.parent == tmp_path and partial.name.startswith(".")
        partial.touch()


@dataclass(frozen=True)
class Point:
    """Something with parts."""

    x: int
    where: Path


def test_json_holds_dataclasses_paths_and_tuples(tmp_path: Path) -> None:
    file = write_json(tmp_path / "a.json", {1: (Point(2, Path("b/c")), None, True)})
    assert json.loads(file.read_text()) == {"1": [{"x": 2, "where": "b/c"}, None, True]}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Set5", "Set5"),
        ("CBSD68 sigma 15", "CBSD68-sigma-15"),
        ("../../etc/passwd", "-..-etc-passwd"),
        ("..", "unnamed"),
        ("", "unnamed"),
        (".hidden", "hidden"),
        (0.5, "0.5"),
        ("a\\b:c", "a-b-c"),
    ],
)
def test_a_slug_is_readable(name: object, expected: str) -> None:
    assert slug(name) == expected


@given(st.text(max_size=40))
def test_a_slug_never_leaves_its_folder(name: str) -> None:
    text = slug(name)
    assert text and Path(text).name == text and text not in (".", "..") and "/" not in text and "\\" not in text
