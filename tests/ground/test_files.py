"""Files are replaced whole or not at all, and names from elsewhere stay inside their folder."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import stat
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.files import file_digest, locked, remove_partial_files, replacing, resolved, write_json, write_text
from nas.names import slug


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


def test_two_writers_of_one_file_do_not_share_a_partial_one(tmp_path: Path) -> None:
    with replacing(tmp_path / "a.txt") as first, replacing(tmp_path / "a.txt") as second:
        first.write_text("first")
        second.write_text("second")
    assert (tmp_path / "a.txt").read_text() == "first"  # the block that ends last


def test_a_durable_file_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[bool] = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append((tmp_path / "a.txt").exists()))
    write_text(tmp_path / "a.txt", "text", durable=True)
    write_text(tmp_path / "b.txt", "text")
    assert synced == [False]


def test_a_new_file_has_the_usual_permissions(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    written = write_text(tmp_path / "a.txt", "text")
    assert stat.S_IMODE(written.stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


def test_what_killed_writers_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    with replacing(tmp_path / "a.txt") as partial:
        partial.write_text("of a killed process")
        kept = partial.rename(partial.with_stem(partial.stem + "2"))
        partial.touch()
    (tmp_path / "step-1.partial").touch()  # as earlier versions named them
    remove_partial_files(tmp_path)
    assert not kept.exists() and [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_digest_is_that_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"some bytes")
    assert file_digest(tmp_path / "a") == hashlib.sha256(b"some bytes").hexdigest()


def _count_up(file: Path) -> None:
    for _ in range(20):
        with locked(file):
            file.write_text(str(int(file.read_text()) + 1))


def test_a_lock_keeps_other_processes_out(tmp_path: Path) -> None:
    file = write_text(tmp_path / "count", "0")
    others = [multiprocessing.get_context("fork").Process(target=_count_up, args=(file,)) for _ in range(2)]
    for process in others:
        process.start()
    _count_up(file)
    for process in others:
        process.join()
    assert file.read_text() == "60"


def _die_with(file: Path) -> None:
    with locked(file):
        os._exit(9)


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    process = multiprocessing.get_context("fork").Process(target=_die_with, args=(tmp_path / "a",))
    process.start()
    process.join()
    with locked(tmp_path / "a"):
        assert process.exitcode == 9


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


def test_a_link_that_goes_in_a_circle_leads_to_itself(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    (tmp_path / "c").symlink_to(tmp_path)
    assert resolved(tmp_path / "a" / "x").name == "x"
    assert resolved(tmp_path / "c" / "x") == resolved(tmp_path) / "x"
