"""What a shared storage does."""

from __future__ import annotations

import contextlib
import os
import socket
import time
import uuid
import warnings
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import optuna
from optuna.trial import FrozenTrial, TrialState

from nas.errors import NasError, UsageError
from nas.strategies.optuna_sampler import FAILURE

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


def masked(url: str) -> str:
    """The URL without its password, for files, messages and process lists."""
    head, sign, rest = url.partition("://")
    account, at, evaluator = rest.rpartition("@")
    if not sign or not at or ":" not in account:
        return url
    return f"{head}://{account.split(':', 1)[0]}:***@{evaluator}"


def quiet(call: Any, *args: Any, **kwargs: Any) -> Any:
    """Call a part of Optuna that warns of being experimental; the versions are pinned, so the warning says nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return call(*args, **kwargs)


def is_lost(trial: FrozenTrial) -> bool:
    """Whether a trial was not evaluated to its end: its worker died or gave it back."""
    return bool(trial.state == TrialState.FAIL and FAILURE not in trial.user_attrs)


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
