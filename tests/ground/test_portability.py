"""What other systems lack: the package is imported and works without it, simulated by taking it away here."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from nas import files
from nas.errors import NasError
from nas.machine import cores, process_exists
from nas.profiling import memory, process_memory

#: modules of Python that Windows does not have
ABSENT = ("fcntl", "resource", "pwd", "grp", "termios")


def test_every_command_is_imported_and_helps_without_the_modules_of_unix() -> None:
    program = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({ABSENT!r}))\n"
        "from nas.cli.app import application\n"
        "from nas.cli.commands import COMMANDS\n"
        "from importlib import import_module\n"
        "def of(entries):\n"
        "    for entry in entries:\n"
        "        yield from of(entry.commands) if entry.commands else [entry.function]\n"
        "for function in of(COMMANDS):\n"
        "    import_module('nas.cli.' + function.partition(':')[0])\n"
        "import nas\n"
        "for name in nas.__all__:\n"
        "    getattr(nas, name)\n"
        "print('imported')\n"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=False)
    assert done.stdout.strip() == "imported", done.stderr


@pytest.mark.parametrize(
    ("handle", "error", "code", "exists"), [(7, 0, 259, True), (7, 0, 0, False), (0, 5, 0, True), (0, 87, 0, False)]
)
def test_on_windows_a_process_is_asked_about_without_a_signal(
    handle: int, error: int, code: int, exists: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tell(process: object, address: object) -> int:
        address._obj.value = code  # type: ignore[attr-defined]
        return 1

    class Function:
        def __init__(self, answer: object) -> None:
            self.answer = answer

        def __call__(self, *arguments: object) -> object:
            return self.answer(*arguments) if callable(self.answer) else self.answer

    system = SimpleNamespace(
        OpenProcess=Function(handle), GetExitCodeProcess=Function(tell), CloseHandle=Function(1), last=error
    )
    monkeypatch.setattr(ctypes, "WinDLL", lambda *_, **__: system, raising=False)
    monkeypatch.setattr(ctypes, "get_last_error", lambda: error, raising=False)
    monkeypatch.setattr("nas.machine.os", SimpleNamespace(name="nt"))
    assert process_exists(4321) is exists


@pytest.mark.parametrize("number", [0, -1, -(10**30), 10**30])
def test_numbers_that_no_process_has_are_those_of_none(number: int) -> None:
    assert not process_exists(number)


def test_this_process_exists() -> None:
    assert process_exists(os.getpid()) and process_exists(1)


def test_durable_files_are_flushed_through_a_stream_that_may_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows refuses to flush a file that is open for reading alone."""
    written = []

    def flush(number: int) -> None:
        written.append(os.write(number, b""))  # fails where the stream may only read

    monkeypatch.setattr(os, "fsync", flush)
    assert files.write_text(tmp_path / "a.txt", "x", durable=True).read_text() == "x" and written == [0]


def test_cores_and_memory_are_known_or_unbounded_without_linux(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setitem(sys.modules, "resource", None)
    assert cores() >= 1
    assert memory.free_bytes("cpu", meminfo=tmp_path / "none", cgroup=tmp_path / "none") == 2**62


def test_peak_memory_that_a_system_does_not_tell_is_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_memory, "_status", lambda entry: None)
    monkeypatch.setitem(sys.modules, "resource", None)
    with pytest.raises(NasError, match="does not tell how much memory"):
        process_memory.own_peak_mib()
