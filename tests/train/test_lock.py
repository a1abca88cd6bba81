"""One process works on a run; a second one is told which, and a dead owner's lock is taken over."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nas.config.runs import RetrainSettings
from nas.errors import NasError, UsageError
from nas.train.lock import FILE, RunLock, _place, process_start, read_owner
from nas.train.run import Run

LIVING = os.getppid()  # a process that lives, and is not this one


def owner(**changes: Any) -> dict[str, Any]:
    plain = {
        "host": "here",
        "pid": LIVING,
        "started": "2026-01-02 03:04:05",
        "process_start": process_start(LIVING),
        "place": _place(),
        "token": "theirs",
    }
    return {**plain, **changes}


def lock_of(folder: Path, content: Any, age: float = 0.0) -> Path:
    path = folder / FILE
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    now = path.stat().st_mtime
    os.utime(path, (now - age, now - age))
    return path


HELD = {
    "a living process of this machine": (owner(), 0.0),
    "a living process that has been silent": (owner(), 5000.0),
    "another user's process": (owner(pid=1, process_start=process_start(1)), 0.0),
    "a process whose start is unknown": (owner(process_start=""), 0.0),
    "another machine": (owner(host="there", place="there 1"), 0.0),
    "another machine, a minute ago": (owner(host="there", place="there 1"), 60.0),
    "another container on this machine": (owner(pid=999_999_999, place="here, another container"), 10.0),
    "another machine without a place": ({"host": "there", "pid": 5}, 0.0),
}


@pytest.mark.parametrize("case", HELD)
def test_a_lock_of_a_living_owner_is_respected_and_says_who_it_is(case: str, tmp_path: Path) -> None:
    content, age = HELD[case]
    path = lock_of(tmp_path, content, age)
    with pytest.raises(UsageError) as refused:
        RunLock(tmp_path).acquire()
    assert f"process {content['pid']} on {content['host']}" in str(refused.value)
    assert json.loads(path.read_text()) == content


DEAD = {
    "no such process": (owner(pid=999_999_999), 0.0),
    "another process has its number now": (owner(process_start="1"), 0.0),
    "this process, by an earlier run object": (owner(pid=os.getpid()), 0.0),
    "another machine, silent for long": (owner(host="there", place="there 1"), 1000.0),
    "this machine before its last start": (owner(place=f"{_place()} earlier"), 1000.0),
    "an empty file": ("", 0.0),
    "half a file": ('{"host": "he', 0.0),
    "no mapping": ("[1, 2]", 0.0),
    "a number that is none": (owner(pid="x"), 0.0),
    "a negative number": (owner(pid=-(10**30)), 0.0),
}


@pytest.mark.parametrize("case", DEAD)
def test_a_lock_without_a_living_owner_is_taken_over(case: str, tmp_path: Path) -> None:
    lock_of(tmp_path, *DEAD[case])
    lock = RunLock(tmp_path)
    lock.acquire()
    found = read_owner(tmp_path / FILE)
    assert found is not None and found["pid"] == os.getpid() and found["started"] and found["host"]
    lock.release()
    assert not (tmp_path / FILE).exists()


def test_the_lock_is_given_back_as_often_as_it_was_taken(tmp_path: Path) -> None:
    lock = RunLock(tmp_path)
    lock.acquire()
    lock.acquire()
    lock.release()
    assert (tmp_path / FILE).exists()
    lock.release()
    assert not (tmp_path / FILE).exists()
    lock.acquire()
    lock.release()


def test_the_owner_gives_signs_of_life(tmp_path: Path) -> None:
    lock = RunLock(tmp_path, beat=0.01)
    lock.acquire()
    path = tmp_path / FILE
    os.utime(path, (1, 1))
    for _ in range(500):
        if path.stat().st_mtime > 1:
            break
        lock._stop.wait(0.02)
    assert path.stat().st_mtime > 1
    lock.release()


def test_an_owner_that_lost_its_lock_writes_nothing_more(tmp_path: Path) -> None:
    lock = RunLock(tmp_path)
    lock.acquire()
    lock.check()
    lock_of(tmp_path, owner(pid=77, host="there"))
    with pytest.raises(NasError, match="process 77 on there"):
        lock.check()
    lock.release()
    assert read_owner(tmp_path / FILE) == owner(pid=77, host="there")  # not ours to remove


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    code = (
        "import sys, time; from pathlib import Path; from nas.train.lock import RunLock;"
        "RunLock(Path(sys.argv[1])).acquire(); print('held', flush=True); time.sleep(600)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_another_process_keeps_the_lock_until_it_is_killed(holder: subprocess.Popen[str], tmp_path: Path) -> None:
    lock = RunLock(tmp_path)
    with pytest.raises(UsageError, match=f"process {holder.pid} on "):
        lock.acquire()
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    lock.acquire()
    lock.release()


def test_a_run_that_another_process_works_on_can_neither_be_held_nor_begun_anew(tmp_path: Path) -> None:
    run = Run.create(tmp_path / "run", "retrain", RetrainSettings(), files={"made_of.json": "{}"})
    run.lock.release()
    lock_of(run.folder, owner())
    with pytest.raises(UsageError, match="is working on the run"), Run.open(run.folder).held():
        pass
    with pytest.raises(UsageError, match="is working on the run"):
        Run.create(run.folder, "retrain", RetrainSettings())


def test_the_lock_is_given_back_when_the_work_fails(tmp_path: Path) -> None:
    run = Run.begin(tmp_path / "run", "retrain", RetrainSettings())
    with pytest.raises(ValueError, match="work"), run.held():
        assert (run.folder / FILE).exists()
        raise ValueError("work")
    assert not (run.folder / FILE).exists()


@pytest.mark.parametrize(
    "content", ["", "[" * 4000, "{", "[1]", '{"host": "a"}', "\x00", '{"pid": ' + "9" * 5000 + "}"]
)
def test_what_is_no_lock_has_no_owner(tmp_path: Path, content: str) -> None:
    (tmp_path / "run.lock").write_text(content, encoding="utf-8")
    assert read_owner(tmp_path / "run.lock") is None
