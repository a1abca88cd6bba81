"""Where a shared study is stored, and how its processes notice each other's death.

There are three kinds of storage, told apart by their URL:

* ``postgresql://user@host/database``: any number of machines. A running trial sends a heartbeat; after four missed
  beats, by the clock of the database, it counts as lost.
* the path of a file: a journal of Optuna, for any number of processes on one host. It has no heartbeat; instead, every
  process holds a lock on a file of its own, which the kernel releases when the process dies, however it dies.
* ``sqlite:///file``: one process.

Proposals are made one at a time: ``exclusive`` is an advisory lock of the database or a lock on a file, and both are
released when their holder dies. This keeps the budget exact and genotypes unique with any number of workers.
"""

from __future__ import annotations

from nas.engines.shared.storage_base import SharedStorage
from nas.engines.shared.storage_files import JournalStorage, SqliteStorage
from nas.engines.shared.storage_postgres import PostgresStorage
from nas.errors import UsageError
from nas.names import masked


def open_storage(url: str, heartbeat: int = 30) -> SharedStorage:
    """Open the storage that ``url`` names; missing tables and files are created.

    Args:
        url: ``postgresql://...``, ``sqlite:///...`` or the path of a journal file.
        heartbeat: Seconds between two signs of life of a running trial.

    Raises:
        UsageError: The URL names no kind of storage that can hold a study.
        NasError: The storage cannot be reached.
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
