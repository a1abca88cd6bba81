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

from nas.engines.shared.storage_base import SharedStorage, masked
from nas.engines.shared.storage_files import JournalStorage, SqliteStorage
from nas.engines.shared.storage_postgres import PostgresStorage
from nas.errors import UsageError


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
