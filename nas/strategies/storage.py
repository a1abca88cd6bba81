"""Where a shared study lives, and how its processes know of each other.

Three kinds, by what the URL says:

* ``postgresql://user@host/database``: any number of machines. Running trials send a heartbeat; one that is silent
  for four beats is taken for lost (the clock is the database's).
* the path of a file: a journal of Optuna, for any number of processes on one host. It has no heartbeat, so every
  process holds a lock on a file of its own, which the kernel drops when the process dies, however it dies.
* ``sqlite:///file``: one process.

Proposals are made one at a time: ``exclusive`` is an advisory lock of the database or a lock on a file, and both
end with their holder. That is what makes the budget exact and genotypes unique with any number of workers.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import socket
import threading
import time
import uuid
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, ClassVar, cast

import optuna
from optuna.trial import FrozenTrial, TrialState

from nas.errors import NasError, UsageError
from nas.strategies.optuna_sampler import HOPELESS

#: beats that may be missed before a running trial is taken for lost
SILENT_BEATS = 4
#: times that one slot is tried again after its worker died
RETRIES = 3
#: user attribute of a trial: the process that works on it
OWNER = "worker"


class SharedStorage(ABC):
    """One storage, opened by one process. ``optuna_storage`` is what Optuna and its dashboard read."""

    #: how people call this kind
    kind: ClassVar[str]
    #: whether more than one process may work on a study
    many: ClassVar[bool] = True
    optuna_storage: Any

    def __init__(self, url: str, heartbeat: int) -> None:
        self.url, self.heartbeat = url, heartbeat
        #: names this process in the rows
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self.retry = quiet(optuna.storages.RetryHeartbeatStaleTrialCallback, max_retry=RETRIES)

    @abstractmethod
    def exclusive(self, name: str) -> contextlib.AbstractContextManager[None]:
        """Only one process at a time is inside, for one name of a study; not to be entered twice."""

    @abstractmethod
    def working(self, trial_id: int) -> contextlib.AbstractContextManager[None]:
        """Signs of life while this process works on a running trial."""

    @abstractmethod
    def announce(self, trial_id: int) -> None:
        """Say that this process is about to take a waiting trial: from then on its death will be noticed."""

    @abstractmethod
    def sweep(self, study: optuna.Study) -> None:
        """Fail the running trials whose process is gone and queue them again; call it inside ``exclusive``."""

    def beat_every(self, seconds: int) -> None:
        """Change the heartbeat to what the study says."""
        self.heartbeat = seconds

    @abstractmethod
    def close(self) -> None:
        """Give up locks and connections."""


class PostgresStorage(SharedStorage):
    """A PostgreSQL database: heartbeat and retry of stale trials by Optuna, mutual exclusion by an advisory lock."""

    kind = "PostgreSQL"

    def __init__(self, url: str, heartbeat: int) -> None:
        super().__init__(url, heartbeat)
        # a host that vanishes must not hold the lock for the two hours that TCP waits by default
        alive = "-c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3"
        address = "postgresql+psycopg://" + url.split("://", 1)[1]
        kwargs = {"pool_pre_ping": True, "connect_args": {"options": alive, "connect_timeout": 15}}
        self.optuna_storage = _opened(
            url,
            lambda: optuna.storages.RDBStorage(
                address,
                engine_kwargs=kwargs,
                heartbeat_interval=heartbeat,
                grace_period=SILENT_BEATS * heartbeat,
                heartbeat_stale_trial_callback=self.retry,
            ),
        )

    def beat_every(self, seconds: int) -> None:
        super().beat_every(seconds)
        self.optuna_storage.heartbeat_interval = seconds
        self.optuna_storage.grace_period = SILENT_BEATS * seconds

    @contextlib.contextmanager
    def exclusive(self, name: str) -> Iterator[None]:
        import sqlalchemy

        key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
        engine = self.optuna_storage.engine
        # the lock belongs to the connection: it ends with this process, or with the transaction
        with engine.connect() as connection, connection.begin():
            connection.execute(sqlalchemy.text("select pg_advisory_xact_lock(:key)"), {"key": key})
            yield

    @contextlib.contextmanager
    def working(self, trial_id: int) -> Iterator[None]:
        stop = threading.Event()

        def beat() -> None:
            while not stop.wait(self.heartbeat):
                # a database that restarts is missed for a beat or two, no more
                with contextlib.suppress(Exception):
                    self.optuna_storage.record_heartbeat(trial_id)

        thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def announce(self, trial_id: int) -> None:
        # before the trial runs: Optuna overlooks a running trial that never had a heartbeat
        self.optuna_storage.record_heartbeat(trial_id)

    def sweep(self, study: optuna.Study) -> None:
        quiet(optuna.storages.fail_stale_trials, study)

    def close(self) -> None:
        self.optuna_storage.remove_session()
        self.optuna_storage.engine.dispose()


class _FileStorage(SharedStorage):
    """What journal and sqlite share: processes on one host, known by the locks they hold in ``<file>.locks``."""

    def __init__(self, url: str, heartbeat: int, file: Path) -> None:
        super().__init__(url, heartbeat)
        self.file = file
        self.folder = file.with_name(file.name + ".locks")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            reason = error.strerror or "it is refused"
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
                    continue  # it told its result as its last act
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
        self.optuna_storage = _opened(url, lambda: quiet(journal.JournalStorage, backend))


class SqliteStorage(_FileStorage):
    """A file of SQLite, for this process alone."""

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
        self.optuna_storage = _opened(url, lambda: optuna.storages.RDBStorage(url))

    def close(self) -> None:
        self.optuna_storage.remove_session()
        self.optuna_storage.engine.dispose()
        self._only.close()
        super().close()


class _FileLock:
    """The journal's own lock, as Optuna wants it: unlike its symbolic link, this one dies with its holder."""

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


def open_storage(url: str, heartbeat: int = 30) -> SharedStorage:
    """Open the storage that ``url`` names; tables and files that are missing are made.

    heartbeat: seconds. Raises UsageError for a kind that cannot hold a study, NasError when it is out of reach.
    """
    scheme = url.split("://", 1)[0] if "://" in url else ""
    if scheme in ("postgresql", "postgres", "postgresql+psycopg"):
        return PostgresStorage(url, heartbeat)
    if scheme == "sqlite":
        return SqliteStorage(url, heartbeat)
    if scheme == "":
        return JournalStorage(url, heartbeat)
    raise UsageError(
        f"--storage {masked(url)!r} is not supported; give postgresql://..., sqlite:///... or the path of a journal"
    )


def masked(url: str) -> str:
    """The URL without its password, for files, messages and process lists."""
    head, sign, rest = url.partition("://")
    account, at, place = rest.rpartition("@")
    if not sign or not at or ":" not in account:
        return url
    return f"{head}://{account.split(':', 1)[0]}:***@{place}"


def quiet(call: Any, *args: Any, **kwargs: Any) -> Any:
    """Call a part of Optuna that warns of being experimental; the versions are pinned, so the warning says nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return call(*args, **kwargs)


def is_lost(trial: FrozenTrial) -> bool:
    """Whether a trial was not evaluated to its end: its worker died or gave it back."""
    return bool(trial.state == TrialState.FAIL and HOPELESS not in trial.user_attrs)


def _opened(url: str, make: Any) -> Any:
    """Two processes may make the tables of a new database at the same time: the second finds them and tries again."""
    for attempt in range(4):
        try:
            return quiet(make)
        except ImportError:
            raise UsageError(
                f"--storage {masked(url)!r} needs the PostgreSQL driver; install it with: pip install 'jsnas[pg]'"
            ) from None
        except Exception as error:
            text = " ".join(str(error).split()).replace(url, masked(url))
            if attempt == 3 or "connect" in text.lower():
                raise NasError(
                    f"the study storage {masked(url)!r} cannot be opened ({text[:300]}); check the address and that "
                    "the service runs"
                ) from None
            time.sleep(0.5 * (attempt + 1))
    raise AssertionError("unreachable")


def _mend(file: Path) -> None:
    """Cut a last line that a dying machine left half written: the next line would be glued to it."""
    if not file.is_file() or not file.stat().st_size:
        return
    with file.open("rb+") as stream:
        content = stream.read()
        if not content.endswith(b"\n"):
            stream.truncate(content.rfind(b"\n") + 1)


def _safe(owner: str) -> str:
    return "worker-" + owner.replace(":", "-").replace(os.sep, "-")
