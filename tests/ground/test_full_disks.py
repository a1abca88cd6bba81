"""A file that cannot be written is named, what was there stays, and nothing is left of the half that was."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
import torch
from optuna.study import StudyDirection

from nas.cli.app import _silent_mirror
from nas.engines.shared.storage_files import JournalStorage
from nas.errors import NasError, UsageError, file_error
from nas.files import replacing, write_json, write_text
from nas.images import write_image
from nas.train.events import Events, read_events
from nas.train.state import load_state, save_state

resource = pytest.importorskip("resource")  # absent on Windows

#: bytes that a file may have in these tests: a limit of the process does what a full disk does
ROOM = 20_000
LARGE = torch.rand(100_000)


@pytest.fixture
def full() -> Iterator[None]:
    """Files of more than ``ROOM`` bytes cannot be written."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def _torch(path: Path) -> None:
    with replacing(path) as partial:
        torch.save({"a": LARGE}, str(partial))


def _torch_stream(path: Path) -> None:
    with replacing(path) as partial, partial.open("wb") as stream:
        torch.save({"a": LARGE}, stream)


def _safetensors(path: Path) -> None:
    from safetensors.torch import save_file

    with replacing(path) as partial:
        save_file({"a": LARGE}, str(partial))


def _array(path: Path) -> None:
    with replacing(path) as partial:
        np.save(partial, LARGE.numpy())


def _table(path: Path) -> None:
    import pandas as pd

    with replacing(path) as partial:
        pd.DataFrame({"a": LARGE.numpy()}).to_csv(partial)


def _rows(path: Path) -> None:
    from nas.evaluation.rows import EvaluationRow, EvaluationRows

    EvaluationRows([EvaluationRow(model="x" * 100, task="sr_x2", set="s") for _ in range(300)]).write(path)


WRITERS: dict[str, Callable[[Path], Any]] = {
    "text": lambda path: write_text(path, "x" * 100_000),
    "durable text": lambda path: write_text(path, "x" * 100_000, durable=True),
    "json": lambda path: write_json(path, list(range(50_000))),
    "torch": _torch,
    "torch into a stream": _torch_stream,
    "safetensors": _safetensors,
    "array": _array,
    "table": _table,
    "image": lambda path: write_image(path, np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8)),
}


@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize("name", WRITERS)
def test_the_sentence_names_the_file_and_nothing_is_left_of_it(
    name: str, there: bool, tmp_path: Path, full: None
) -> None:
    path = tmp_path / ("a.npy" if name == "array" else "a.png" if name == "image" else "a.out")
    if there:
        path.write_text("before")
    with pytest.raises(NasError) as told:
        WRITERS[name](path)
    assert str(told.value).startswith(f"{str(path)!r} could not be written") and told.value.exit_code == 1
    assert [p.name for p in tmp_path.iterdir()] == [path.name] * there
    assert not there or path.read_text() == "before"


def test_a_state_that_does_not_fit_leaves_the_one_before(tmp_path: Path, full: None) -> None:
    save_state(tmp_path, 2, {"a": torch.ones(3)})
    with pytest.raises(NasError, match=r"step-000000004\.pt' could not be written"):
        save_state(tmp_path, 4, {"a": LARGE})
    state = load_state(tmp_path)
    assert state is not None and state["step"] == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["step-000000002.pt", "step-000000002.sha256"]


def test_a_log_that_is_full_ends_with_a_whole_line(tmp_path: Path, full: None) -> None:
    events = Events(tmp_path)
    events.write(1, "train", loss=1.0)
    with pytest.raises(NasError, match=r"events\.jsonl' could not be written"):
        for step in range(2, 1000):
            events.write(step, "train", loss=1.0, words="x" * 50)
    events.close()
    text = (tmp_path / "events.jsonl").read_text()
    assert text.endswith("\n") and len(text.splitlines()) == len(read_events(tmp_path)) > 10


def test_a_journal_that_is_full_names_itself_and_holds_whole_entries(tmp_path: Path, full: None) -> None:
    journal, written = tmp_path / "study.journal", 0
    storage = JournalStorage(str(journal), 60)
    study = storage.optuna_storage.create_new_study([StudyDirection.MINIMIZE], "s")
    with pytest.raises(NasError) as told:
        for written in range(1000):
            storage.optuna_storage.set_study_user_attr(study, f"key{written}", "x" * 50)
    assert str(told.value).startswith(f"{str(journal)!r} could not be written")
    storage.close()
    assert journal.read_bytes().endswith(b"\n")
    again = JournalStorage(str(journal), 60)
    assert len(again.optuna_storage.get_study_user_attrs(study)) == written > 10
    again.close()


def test_the_thread_that_mirrors_for_tensorboard_ends_in_silence(capfd: pytest.CaptureFixture[str]) -> None:
    class Mirror(Thread):
        def run(self) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

    def ended(thread: Thread) -> str:
        with _silent_mirror():
            thread.start()
            thread.join()
        return capfd.readouterr().err

    hook = threading.excepthook
    threading.excepthook = threading.__excepthook__  # not the one of the test runner
    try:
        assert "No space left" in ended(Mirror())
        Mirror.__module__ = "tensorboard.summary.writer.event_file_writer"
        assert ended(Mirror()) == ""
    finally:
        threading.excepthook = hook


def test_a_state_written_anew_is_valid_at_every_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_state(tmp_path, 2, {"a": torch.zeros(3)})
    seen: list[float] = []
    genuine = Path.replace

    def replace(self: Path, target: Path) -> Path:
        for _ in ("before", "after"):
            state = load_state(tmp_path)
            assert state is not None
            seen.append(float(state["a"][0]))
            if _ == "before":
                result = genuine(self, target)
        return result

    monkeypatch.setattr(Path, "replace", replace)
    save_state(tmp_path, 2, {"a": torch.ones(3)})
    assert seen == sorted(seen) and {seen[0], seen[-1]} == {0.0, 1.0}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[enforce fail at inline_container.cc:672] . unexpected pos 704 vs 598", "no space is left"),
        ("PytorchStreamWriter failed writing file data/0: file write failed", "no space is left"),
        ("I/O error: No space left on device (os error 28)", "no space is left"),
        ("Disk quota exceeded", "quota is spent"),
        ("Error: Input/output error", "the device reports an error"),
    ],
)
def test_libraries_that_hide_what_the_system_said_are_understood(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(NasError, match=words), replacing(tmp_path / "a"):
        raise RuntimeError(text)


@pytest.mark.parametrize("error", [ValueError("x"), RuntimeError("shapes"), FileNotFoundError(2, "none", "other.png")])
def test_errors_that_are_not_about_the_file_stay_as_they_are(error: Exception, tmp_path: Path) -> None:
    with pytest.raises(type(error)) as raised, replacing(tmp_path / "a"):
        raise error
    assert raised.value is error


@pytest.mark.parametrize(
    ("number", "code", "words"),
    [
        (errno.ENAMETOOLONG, 2, "longer than a file system allows"),
        (errno.ENOENT, 2, "does not exist"),
        (errno.ENOTDIR, 2, "a part of it is a file"),
        (errno.EISDIR, 2, "is a folder"),
        (errno.EEXIST, 2, "is there already"),
        (errno.ELOOP, 2, "symbolic link"),
        (errno.EACCES, 1, "change its permissions"),
        (errno.EROFS, 1, "cannot be written to"),
        (errno.ENOSPC, 1, "no space is left"),
        (errno.EDQUOT, 1, "quota is spent"),
        (errno.EIO, 1, "the device reports an error"),
        (errno.ESTALE, 1, os.strerror(errno.ESTALE).lower()),
    ],
)
def test_an_error_of_the_system_has_a_sentence_with_the_path(number: int, code: int, words: str) -> None:
    told = file_error(OSError(number, os.strerror(number), "runs/a"))
    assert told is not None and str(told).startswith("'runs/a' ") and words in str(told)
    assert told.exit_code == code and isinstance(told, UsageError) == (code == 2)
    assert file_error(OSError(number, "x"), "other") is not None


def test_an_error_of_a_connection_is_not_taken_for_one_of_a_file() -> None:
    assert file_error(ConnectionRefusedError(errno.ECONNREFUSED, "refused")) is None


def test_a_name_that_fits_can_be_written_though_partial_names_are_longer(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 240 + ".txt")
    assert write_text(path, "x").read_text() == "x"
