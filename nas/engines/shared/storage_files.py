"""Studies in a file on one machine: a journal or a SQLite database."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import optuna
from filelock import FileLock, Timeout
from optuna.trial import TrialState

from nas.documents import is_document
from nas.engines.shared.storage_base import OWNER, SharedStorage, call_unwarned, open_optuna_storage
from nas.errors import UsageError
from nas.files import append_whole

if TYPE_CHECKING:
    from optuna.storages.journal import JournalFileBackend


class _FileStorage(SharedStorage):
    """What journal and SQLite share: processes on one host, known by the locks that they hold in ``<file>.locks``."""

    def __init__(self, url: str, heartbeat: int, file: Path) -> None:
        super().__init__(url, heartbeat)
        self.file = file
        self.folder = file.with_name(file.name + ".locks")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = error.strerror or "no reason given"
            raise UsageError(f"cannot write {str(self.folder)!r} ({reason}); choose another --storage") from None
        self._mine = FileLock(self.folder / _safe(self.owner))  # the kernel lets go of it however this process ends
        self._mine.acquire()

    @contextlib.contextmanager
    def exclusive(self, name: str) -> Iterator[None]:
        digest = hashlib.sha256(name.encode()).hexdigest()[:16]
        with FileLock(self.folder / f"study-{digest}"):
            yield

    @contextlib.contextmanager
    def working(self, trial_id: int) -> Iterator[None]:
        yield

    def announce(self, trial_id: int) -> None:
        self.optuna_storage.set_trial_user_attr(trial_id, OWNER, self.owner)

    def sweep(self, study: optuna.Study) -> None:
        gone: dict[str, bool] = {}
        for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            owner = str(trial.user_attrs.get(OWNER, ""))
            if owner not in gone:
                gone[owner] = not self._alive(owner)
            if gone[owner]:
                try:
                    self.optuna_storage.set_trial_state_values(trial._trial_id, state=TrialState.FAIL)
                except optuna.exceptions.UpdateFinishedTrialError:
                    continue  # it wrote its result just before it died
                self.retry(study, self.optuna_storage.get_trial(trial._trial_id))
        for owner in gone:
            if gone[owner] and owner:
                (self.folder / _safe(owner)).unlink(missing_ok=True)

    def _alive(self, owner: str) -> bool:
        if owner == self.owner:
            return True
        mark = self.folder / _safe(owner)
        if not mark.is_file():
            return False
        try:
            with FileLock(mark, timeout=0):
                return False
        except Timeout:
            return True

    def close(self) -> None:
        (self.folder / _safe(self.owner)).unlink(missing_ok=True)
        self._mine.release()


class JournalStorage(_FileStorage):
    """A journal file of Optuna."""

    kind = "journal file"

    def __init__(self, url: str, heartbeat: int) -> None:
        file = Path(url)
        if file.is_dir():
            raise UsageError(f"--storage {url!r} is a folder; give the path of a file for the journal")
        is_document(file)  # a pipe would be waited for, a device read without end
        super().__init__(url, heartbeat, file)
        from optuna.storages import journal

        lock = _JournalLock(self.folder / "journal")
        with lock.file_lock:
            _mend(file)
        backend = _whole_lines(file, lock)
        self.optuna_storage = open_optuna_storage(url, lambda: call_unwarned(journal.JournalStorage, backend))


class SqliteStorage(_FileStorage):
    """A SQLite file, for one process alone."""

    kind = "SQLite"
    many = False

    def __init__(self, url: str, heartbeat: int) -> None:
        path = url.split("sqlite:///", 1)[-1]
        if not url.startswith("sqlite:///") or not path or path == ":memory:":
            raise UsageError(f"--storage {url!r} names no file; write sqlite:///study.db")
        super().__init__(url, heartbeat, Path(path))
        self._only = FileLock(self.folder / "only", timeout=0)
        try:
            self._only.acquire()
        except Timeout:
            super().close()
            raise UsageError(
                f"--storage {url!r} is in use: SQLite serves one process; for several give the path of a journal file, "
                "for several machines postgresql://..."
            ) from None
        self.optuna_storage = open_optuna_storage(url, lambda: optuna.storages.RDBStorage(url))

    def close(self) -> None:
        """Close the file and release its locks."""
        self.optuna_storage.remove_session()
        self.optuna_storage.engine.dispose()
        self._only.release()
        super().close()


class _JournalLock:
    """The journal's own lock, as Optuna calls it: unlike Optuna's symbolic link, this one ends with its holder."""

    def __init__(self, path: Path) -> None:
        self.file_lock = FileLock(path)

    def acquire(self) -> bool:
        self.file_lock.acquire()
        return True

    def release(self) -> None:
        self.file_lock.release()


def _whole_lines(file: Path, lock: _JournalLock) -> JournalFileBackend:
    """Optuna's journal, except that what does not fit on the disk is not written at all, and said with its path."""
    from optuna.storages import journal

    class WholeLines(journal.JournalFileBackend):
        def append_logs(self, logs: list[dict[str, Any]]) -> None:
            with lock.file_lock:
                append_whole(file, "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs).encode())

    return WholeLines(str(file), lock_obj=cast(Any, lock))


def _mend(file: Path) -> None:
    """Cut off a last line that was left half written by a crash: the next line would be appended to it."""
    if not file.is_file() or not file.stat().st_size:
        return
    with file.open("rb+") as stream:
        size = end = stream.seek(0, os.SEEK_END)
        while end:  # from the end, in blocks: the journal of a long search is large
            start = max(0, end - 65_536)
            stream.seek(start)
            found = stream.read(end - start).rfind(b"\n")
            if found >= 0:
                end = start + found + 1
                break
            end = start
        if end < size:
            stream.truncate(end)


def _safe(owner: str) -> str:
    return "worker-" + owner.replace(":", "-").replace(os.sep, "-")
