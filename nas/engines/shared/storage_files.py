"""Studies in a file on one machine: a journal or a SQLite database."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

import optuna
from optuna.trial import TrialState

from nas.engines.shared.storage_base import OWNER, SharedStorage, call_unwarned, open_optuna_storage
from nas.errors import UsageError


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
        self._mine = (self.folder / _safe(self.owner)).open("w")
        fcntl.flock(self._mine, fcntl.LOCK_EX)

    @contextlib.contextmanager
    def exclusive(self, name: str) -> Iterator[None]:
        digest = hashlib.sha256(name.encode()).hexdigest()[:16]
        with (self.folder / f"study-{digest}").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
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
        try:
            with (self.folder / _safe(owner)).open("r") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def close(self) -> None:
        (self.folder / _safe(self.owner)).unlink(missing_ok=True)
        self._mine.close()


class JournalStorage(_FileStorage):
    """A journal file of Optuna."""

    kind = "journal file"

    def __init__(self, url: str, heartbeat: int) -> None:
        file = Path(url)
        if file.is_dir():
            raise UsageError(f"--storage {url!r} is a folder; give the path of a file for the journal")
        super().__init__(url, heartbeat, file)
        from optuna.storages import journal

        lock = _FileLock(self.folder / "journal")
        lock.acquire()
        try:
            _mend(file)
        finally:
            lock.release()
        backend = journal.JournalFileBackend(str(file), lock_obj=cast(Any, lock))
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
        self._only = (self.folder / "only").open("w")
        try:
            fcntl.flock(self._only, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._only.close()
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
        self._only.close()
        super().close()


class _FileLock:
    """The lock of the journal as Optuna expects it; unlike Optuna's own, it is released if its holder dies."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held: IO[str] | None = None

    def acquire(self) -> bool:
        file = self._path.open("w")
        fcntl.flock(file, fcntl.LOCK_EX)
        self._held = file
        return True

    def release(self) -> None:
        if self._held is not None:
            self._held.close()
            self._held = None


def _mend(file: Path) -> None:
    """Cut off a last line that was left half written by a crash: the next line would be appended to it."""
    if not file.is_file() or not file.stat().st_size:
        return
    with file.open("rb+") as stream:
        content = stream.read()
        if not content.endswith(b"\n"):
            stream.truncate(content.rfind(b"\n") + 1)


def _safe(owner: str) -> str:
    return "worker-" + owner.replace(":", "-").replace(os.sep, "-")
