"""Studies in a PostgreSQL database, for many machines."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Iterator

import optuna

from nas.engines.shared.storage_base import SILENT_BEATS, SharedStorage, call_unwarned, open_optuna_storage


class PostgresStorage(SharedStorage):
    """A PostgreSQL database: heartbeat and retry of stale trials by Optuna, mutual exclusion by an advisory lock."""

    kind = "PostgreSQL"

    def __init__(self, url: str, heartbeat: int) -> None:
        super().__init__(url, heartbeat)
        # a host that disappears must not hold the lock for the two hours that TCP waits by default
        alive = "-c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3"
        address = "postgresql+psycopg://" + url.split("://", 1)[1]
        kwargs = {"pool_pre_ping": True, "connect_args": {"options": alive, "connect_timeout": 15}}
        self.optuna_storage = open_optuna_storage(
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
        """Change the heartbeat, and the time after which a silent trial counts as lost."""
        super().beat_every(seconds)
        self.optuna_storage.heartbeat_interval = seconds
        self.optuna_storage.grace_period = SILENT_BEATS * seconds

    @contextlib.contextmanager
    def exclusive(self, name: str) -> Iterator[None]:
        """Hold an advisory lock of the database."""
        import sqlalchemy

        key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
        engine = self.optuna_storage.engine
        # the lock belongs to the connection: it ends with this process, or with the transaction
        with engine.connect() as connection, connection.begin():
            connection.execute(sqlalchemy.text("select pg_advisory_xact_lock(:key)"), {"key": key})
            yield

    @contextlib.contextmanager
    def working(self, trial_id: int) -> Iterator[None]:
        """Record a heartbeat of the trial from a thread."""
        stop = threading.Event()

        def beat() -> None:
            while not stop.wait(self.heartbeat):
                # a database that restarts costs a beat or two, no more
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
        """Record the first heartbeat of the trial."""
        # before the trial runs: Optuna overlooks a running trial that never had a heartbeat
        self.optuna_storage.record_heartbeat(trial_id)

    def sweep(self, study: optuna.Study) -> None:
        """Let Optuna mark silent trials as failed and queue them again."""
        call_unwarned(optuna.storages.fail_stale_trials, study)

    def close(self) -> None:
        """Close all connections."""
        self.optuna_storage.remove_session()
        self.optuna_storage.engine.dispose()
