"""Names from lists and tables never lead out of a folder, and no spreadsheet takes them for a formula."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.names import FORMULA, component, defused, inside, masked, restored, slug, without_password

HOSTILE = (
    "../x",
    "../../../../etc/passwd",
    "/etc/passwd",
    "..",
    ".",
    "",
    " ",
    "a/../../b",
    "..\\..\\x",
    "C:\\x",
    "a\0b",
    "a\nb",
    ".hidden",
    "~root",
    "x" * 5000,
    "é" * 400,
    "\u202egnp.exe",
    "\ud800",
)


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("make", [component, slug])
def test_a_hostile_name_is_one_file_in_its_folder(tmp_path: Path, name: str, make: object) -> None:
    path = tmp_path / f"{make(name)}.png"  # type: ignore[operator]
    path.write_bytes(b"")
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    assert path.resolve().parent == tmp_path.resolve() and not path.name.startswith(".")


@given(st.text())
def test_any_name_stays_in_its_folder(name: str) -> None:
    path = inside("/a/b", name, name)
    assert Path(os.path.normpath(path)) == path and path.parent.parent == Path("/a/b")


@pytest.mark.parametrize("name", ["baby", "img 001", "Set5", "a+b (x8)", "0001x2", "naïve", "a.b", "img_001_SRF_2_LR"])
def test_a_usual_name_stays_as_it_is(name: str) -> None:
    assert component(name) == name


@given(st.text())
def test_cells_are_read_back_and_are_no_formulas(text: str) -> None:
    cell = defused(text)
    assert restored(cell) == text
    assert cell[:1] not in FORMULA


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://nas:secret@host:5432/nas", "postgresql://nas:***@host:5432/nas"),
        ("postgresql://nas:se/cr:e@t@host/nas", "postgresql://nas:***@host/nas"),
        ("postgresql://nas@host/nas", "postgresql://nas@host/nas"),
        ("postgresql://host/nas?user=a&password=secret", "postgresql://host/nas?user=a&password=***"),
        ("postgresql://host/nas?password=secret&sslmode=require", "postgresql://host/nas?password=***&sslmode=require"),
        ("folder/with@odd:name", "folder/with@odd:name"),
    ],
)
def test_a_password_is_masked(url: str, shown: str) -> None:
    assert masked(url) == shown


def test_a_password_is_taken_out_of_the_words_of_others() -> None:
    url = "postgresql://nas:s%40crt@host/nas"
    text = 'connection to "postgresql+psycopg://nas:s%40crt@host" failed: password s@crt is wrong'
    assert (
        without_password(text, url) == 'connection to "postgresql+psycopg://nas:***@host" failed: password *** is wrong'
    )
