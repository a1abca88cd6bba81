"""The contract of a shared storage."""

from __future__ import annotations

import contextlib
import os
import socket
import time
import uuid
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import optuna
from optuna.trial import FrozenTrial, TrialState

from nas.errors import NasError, UsageError
from nas.names import masked, without_password
from nas.strategies.optuna_sampler import FAILURE

#: beats that may be missed before a running trial counts as lost
SILENT_BEATS = 4
#: how often a trial is repeated after its worker has died
RETRIES = 3
#: user attribute of a trial: the process that works on it
OWNER = "worker"


class SharedStorage(ABC):
    """One storage, opened by one process.

    Attributes:
        kind: Its name in messages.
        many: Whether more than one process may work on a study.
        optuna_storage: What Optuna and its dashboard read.
        url: Its address.
        heartbeat: Seconds between two signs of life of a running trial.
        owner: Name of this process in the rows of the study.
    """

    kind: ClassVar[str]
    many: ClassVar[bool] = True
    optuna_storage: Any

    def __init__(self, url: str, heartbeat: int) -> None:
        self.url, self.heartbeat = url, heartbeat
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self.retry = call_unwarned(optuna.storages.RetryHeartbeatStaleTrialCallback, max_retry=RETRIES)

    @abstractmethod
    def exclusive(self, name: str) -> contextlib.AbstractContextManager[None]:
        """A lock that one process at a time holds for the study of that name; it is not reentrant."""

    @abstractmethod
    def working(self, trial_id: int) -> contextlib.AbstractContextManager[None]:
        """Signs of life while this process works on a running trial."""

    @abstractmethod
    def announce(self, trial_id: int) -> None:
        """Note that this process is about to run a waiting trial: from then on its death is noticed."""

    @abstractmethod
    def sweep(self, study: optuna.Study) -> None:
        """Mark running trials as failed whose process has died, and queue them again; called inside ``exclusive``."""

    def beat_every(self, seconds: int) -> None:
        """Change the heartbeat to the given number of seconds."""
        self.heartbeat = seconds

    @abstractmethod
    def close(self) -> None:
        """Release locks and connections."""


def call_unwarned(call: Any, *args: Any, **kwargs: Any) -> Any:
    """Call a part of Optuna without its warning that it is experimental: ours are tested with the versions in use."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return call(*args, **kwargs)


def is_lost(trial: FrozenTrial) -> bool:
    """Whether a row has no result because its worker died or returned the trial."""
    return bool(trial.state == TrialState.FAIL and FAILURE not in trial.user_attrs)


def open_optuna_storage(url: str, make: Callable[[], Any]) -> Any:
    """Open a storage of Optuna, again if another process creates the tables of a new database at the same moment.

    Args:
        url: Its address, for messages.
        make: Opens it.

    Returns:
        What ``make`` returns.

    Raises:
        UsageError: The PostgreSQL driver is not installed.
        NasError: The storage cannot be opened.
    """
    for attempt in range(4):
        try:
            return call_unwarned(make)
        except ImportError:
            raise UsageError(
                f"--storage {masked(url)!r} needs the PostgreSQL driver; install it with: pip install 'jsnas[pg]'"
            ) from None
        except Exception as error:
            text = without_password(" ".join(str(error).split()), url)
            if attempt == 3 or "connect" in text.lower():
                raise NasError(
                    f"the study storage {masked(url)!r} cannot be opened ({text[:300]}); check the address and that "
                    "the service runs"
                ) from None
            time.sleep(0.5 * (attempt + 1))
    raise AssertionError("unreachable")
