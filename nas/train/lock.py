"""The lock of a run folder: one process writes, and a second one is told who it is.

The lock is a file with the owner's machine, process and time of start. A thread of the owner touches it every few
seconds, so that it works on network file systems too, where no kernel tells of the death of a process elsewhere: an
owner that stayed silent for ``SILENCE`` is dead. On the owner's own machine its process is looked up at once.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import threading
import time
from pathlib import Path
from typing import Any

from nas.documents import read_json
from nas.errors import NasError, UsageError
from nas.files import locked, replacing, write_text
from nas.machine import process_exists

FILE = "run.lock"
#: seconds between two signs of life, and without one until the owner counts as dead
BEAT, SILENCE = 5.0, 120.0


class RunLock:
    """The lock of one folder as this process sees it; it may be taken several times and is given back as often.

    Args:
        folder: The run folder, which must exist when the lock is taken.
        beat: Seconds between two signs of life.
        silence: Seconds without one after which an owner on another machine counts as dead.
    """

    def __init__(self, folder: Path, beat: float = BEAT, silence: float = SILENCE) -> None:
        self.path = folder / FILE
        self._beat, self._silence = beat, silence
        self._held = 0
        self._token = ""
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def acquire(self) -> None:
        """Take the lock, over a dead owner too.

        Raises:
            UsageError: A living process holds it; the message says which.
            NasError: The folder cannot be written to.
        """
        if self._held == 0:
            with contextlib.ExitStack() as guard:
                with contextlib.suppress(NasError):  # no locks on this file system: the check below must do
                    guard.enter_context(locked(self.path))
                self._refuse_living_owner()
                self._write()
                self._refuse_living_owner()  # of two that came at once without locks, the later one stays
            self._stop = threading.Event()
            beat = threading.Thread(target=_keep_beating, args=(self.path, self._beat, self._stop), daemon=True)
            beat.start()
            self._thread = beat
        self._held += 1

    def release(self) -> None:
        """Give the lock back; another process's lock is left alone."""
        self._held = max(self._held - 1, 0)
        if self._held or self._thread is None:
            return
        self._stop.set()
        self._thread.join()
        self._thread = None
        if self._mine(read_owner(self.path)):
            self.path.unlink(missing_ok=True)

    def check(self) -> None:
        """Refuse to write if this process has lost its lock, as one that was suspended for long may have.

        Raises:
            NasError: Another process has taken the run over.
        """
        if self._held == 0:
            return
        owner = read_owner(self.path)
        if owner is not None and not self._mine(owner):
            raise NasError(
                f"{describe(owner)} has taken over the run {str(self.path.parent)!r} while this process gave no sign "
                "of life; nothing more is written here"
            )

    def _write(self) -> None:
        self._token = secrets.token_hex(8)
        owner = {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "started": time.strftime("%Y-%m-%d %H:%M:%S"),
            "process_start": process_start(os.getpid()),
            "place": _place(),
            "token": self._token,
        }
        try:
            write_text(self.path, json.dumps(owner) + "\n")
        except OSError as error:
            raise NasError(
                f"{str(self.path.parent)!r} cannot be written to ({error.strerror}); choose another folder"
            ) from None

    def _mine(self, owner: dict[str, Any] | None) -> bool:
        return owner is not None and owner.get("token") == self._token

    def _refuse_living_owner(self) -> None:
        owner = read_owner(self.path)
        if owner is None or self._mine(owner):
            return
        if owner.get("place") == _place():  # this machine since its last start: its process table knows
            living, since = _is_running(owner), ""
        else:
            silent = self._silent_for()
            living = silent < self._silence
            since = f", last sign of life {silent:.0f} s ago"
        if living:
            wait = f" (if it is dead, try again in {self._silence:.0f} s)" if since else ""
            raise UsageError(
                f"{describe(owner)} is working on the run {str(self.path.parent)!r}{since}; wait for its end or stop "
                f"it first{wait}"
            )

    def _silent_for(self) -> float:
        """Seconds since the owner's last sign of life, by the clock of the file system alone."""
        try:
            with replacing(self.path.with_name("clock")) as probe:
                probe.touch()
                now = probe.stat().st_mtime
                with self.path.open("rb") as stream:  # opening asks a file server anew
                    return max(now - os.fstat(stream.fileno()).st_mtime, 0.0)
        except OSError:
            return self._silence


def living_owner(folder: Path) -> dict[str, Any] | None:
    """Who works on a run now, for those who only look: nothing is written into the folder.

    Args:
        folder: The run folder.

    Returns:
        The owner as ``read_owner`` tells it; None where nobody works on the run.
    """
    path = folder / FILE
    owner = read_owner(path)
    if owner is None:
        return None
    if owner.get("place") == _place():
        return owner if owner.get("pid") == os.getpid() or _is_running(owner) else None
    try:
        silent = time.time() - path.stat().st_mtime
    except OSError:  # it was given back meanwhile
        return None
    return owner if silent < SILENCE else None


def read_owner(path: Path) -> dict[str, Any] | None:
    """Who holds a lock: host, pid, started and more; None where nobody does or the file is no lock."""
    try:
        owner = read_json(path)
    except UsageError:
        return None
    return owner if isinstance(owner, dict) and "pid" in owner else None


def describe(owner: dict[str, Any]) -> str:
    """The owner of a lock in words."""
    return f"process {owner.get('pid')} on {owner.get('host')} (since {owner.get('started')})"


def process_start(pid: int) -> str:
    """When a process of this machine was started, in the unit of its kernel; "" where that is unknown."""
    fields = _stat_fields(pid)
    return fields[19] if len(fields) > 19 else ""


def _stat_fields(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the name, from the state on."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def _is_running(owner: dict[str, Any]) -> bool:
    try:
        pid = int(owner["pid"])
        if pid == os.getpid():  # an earlier run object of this process, which cannot work at the same time
            return False
        if not process_exists(pid):
            return False
    except (ValueError, TypeError, OverflowError):
        return False
    fields = _stat_fields(pid)
    if fields and fields[0] in ("Z", "X"):
        return False
    return not fields or not owner.get("process_start") or process_start(pid) == owner["process_start"]


def _place() -> str:
    """This machine since its last start and this process table: what a process number is meaningful in."""
    parts = [socket.gethostname()]
    with contextlib.suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip())
    with contextlib.suppress(OSError):
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return " ".join(parts)


def _keep_beating(path: Path, beat: float, stop: threading.Event) -> None:
    while not stop.wait(beat):
        with contextlib.suppress(OSError):
            os.utime(path)
