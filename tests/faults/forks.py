"""Commands in processes of their own, forked from this one, which has imported everything: a try costs no start-up."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

#: seconds after which a process that was told to end is taken to hang, on however busy a machine
HANGS = 600.0


@dataclass(frozen=True)
class Ended:
    """How a process ended.

    Attributes:
        code: Exit code; the negative number of a signal that killed it; None if it hung and was killed.
        told: What it wrote, errors included.
        signalled: Whether it was still there when the signal was sent.
    """

    code: int | None
    told: str
    signalled: bool


def preload() -> None:
    """Import what commands import, so that the children need not."""
    import torch
    from torch.utils import tensorboard  # noqa: F401

    import nas.cli.app
    import nas.data.prepare
    import nas.engines.search
    import nas.evaluation.harness
    import nas.train.retrain  # noqa: F401

    torch.set_num_threads(1)


def nas(*words: str, log: Path, after: float | None = None, number: int = signal.SIGTERM, fresh: bool = False) -> Ended:
    """Run ``nas WORDS`` and, after some seconds, send it a signal.

    Args:
        words: Of the command.
        log: Where its output goes.
        after: Seconds until the signal; None sends none.
        number: The signal.
        fresh: Start a new Python instead of forking this one: for faults while it starts.
    """
    child = os.fork()
    if child == 0:
        _child(list(words), log, fresh)
    signalled = False
    if after is not None:
        signalled = not _wait(child, after, keep=True)
        if signalled:
            os.kill(child, number)
    code = _wait(child, HANGS)
    if code is False:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return Ended(None if code is False else code, log.read_text(errors="replace"), signalled)


def _child(words: list[str], log: Path, fresh: bool) -> None:
    """The rest of a forked process, which never returns."""
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if fresh:
        os.execv(sys.executable, [sys.executable, "-m", "nas", *words])
    code = 1
    try:
        from nas.cli import main

        main(words)
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _wait(child: int, seconds: float, keep: bool = False) -> int | bool:
    """The exit code of a process, False if it has not ended in time; ``keep`` leaves its code to a later call."""
    end = time.monotonic() + seconds
    while True:
        found = os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | (os.WNOWAIT if keep else 0))
        if found is not None:
            if keep:
                return True
            return found.si_status if found.si_code == os.CLD_EXITED else -found.si_status
        if time.monotonic() >= end:
            return False
        time.sleep(0.002)
