"""``nas doctor`` says what is there and what is broken."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from nas.bench import doctor
from nas.bench.doctor import BROKEN, NOTE, OK, Finding, check_folder, check_python, check_threads, examine
from tests.cli.running import run


def test_here_nothing_is_broken_and_every_part_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = run(capsys, "doctor", "--out", tmp_path / "runs")
    assert outcome.code == 0, outcome.out
    for name in ("python", "packages", "torch", "device", "threads", "load", "images", "folder", "extras", "gates"):
        assert f"  {name}: " in outcome.out
    assert "nothing is broken" in outcome.out
    assert not list(tmp_path.iterdir())


def test_what_is_broken_is_named_and_the_exit_code_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> Finding:
        raise ImportError("libgomp.so.1: cannot open shared object file")

    monkeypatch.setattr(doctor, "check_torch", broken)
    outcome = run(capsys, "doctor")
    assert outcome.code == 1
    assert "BROKEN  torch: ImportError: libgomp.so.1: cannot open shared object file" in outcome.out
    assert "1 broken" in outcome.out


@pytest.mark.parametrize(
    ("version", "state"), [((3, 10, 4), BROKEN), ((3, 11, 0), OK), ((3, 14, 9), OK), ((3, 15, 0), NOTE)]
)
def test_the_version_of_python_is_judged(version: tuple[int, ...], state: str) -> None:
    assert check_python(version).state == state


def test_more_threads_than_cores_are_noted() -> None:
    assert check_threads(0, {}).state == NOTE
    assert check_threads(1024, {}).state == OK


class _Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.mark.parametrize(("free", "state"), [(2**20, BROKEN), (2**30, NOTE), (2**40, OK)])
def test_a_disk_without_room_is_told(free: int, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: _Usage(2**40, 0, free))
    assert next(check_folder(tmp_path)).state == state


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **more: Any) -> None:
        raise PermissionError(13, "Permission denied", "mark")

    monkeypatch.setattr(doctor, "write_text", refuse)
    assert [f.state for f in check_folder(tmp_path)][-1] == BROKEN
    assert not list(tmp_path.iterdir())


def test_a_clock_that_runs_apart_from_that_of_the_files_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = doctor.write_text

    def late(path: Path, text: str, **more: Any) -> Path:
        ours(path, text)
        os.utime(path, (0, 0))
        return path

    monkeypatch.setattr(doctor, "write_text", late)
    assert any(f.state == NOTE and "clock" in f.text for f in check_folder(tmp_path))


def test_missing_packages_and_unusable_parts_are_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.importlib.metadata, "requires", lambda name: ["torch>=99", "no-such-package-here"])
    found = {finding.name: finding for finding in examine(Path())}
    assert found["packages"].state == BROKEN
    assert "no-such-package-here is missing" in found["packages"].text and "torch is" in found["packages"].text
