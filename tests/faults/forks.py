"""Commands in processes of their own, forked from this one, which has imported everything: a try costs no start-up."""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
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
        cpu: Seconds of processor time that it took, however busy the machine was.
        memory: Most MiB that it held beyond what it was born with: this process and its imports.
    """

    code: int | None
    told: str
    signalled: bool
    cpu: float = 0.0
    memory: float = 0.0


@dataclass
class Child:
    """A command at work in a process of its own.

    Attributes:
        pid: Its number.
        log: Where its output goes.
        born_with: MiB that it shared with this process when it was forked.
    """

    pid: int
    log: Path
    born_with: float

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send it a signal; it must not have been waited for."""
        os.kill(self.pid, number)

    def ended_within(self, seconds: float) -> bool:
        """Whether it ends in that time; how it ended is left for ``wait``."""
        return _until(lambda: os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None, seconds)

    def wait(self, hangs: float = HANGS, signalled: bool = False) -> Ended:
        """Wait for its end; after ``hangs`` seconds it is killed."""
        hung = not self.ended_within(hangs)
        if hung:
            self.kill()
        _, status, used = os.wait4(self.pid, 0)
        code = None if hung else os.waitstatus_to_exitcode(status)
        memory = used.ru_maxrss / 1024 - self.born_with
        told = self.log.read_text(errors="replace")
        return Ended(code, told, signalled, used.ru_utime + used.ru_stime, max(memory, 0.0))


def preload() -> None:
    """Import what commands import, so that the children need not."""
    import torch
    from torch.utils import tensorboard  # noqa: F401

    import nas.cli.app
    import nas.cli.search
    import nas.data.prepare
    import nas.engines.search
    import nas.engines.shared.joining
    import nas.evaluation.harness
    import nas.report.figures
    import nas.report.page
    import nas.train.retrain  # noqa: F401

    torch.set_num_threads(1)


def start(*words: str, log: Path, fresh: bool = False, before: Callable[[], None] | None = None) -> Child:
    """Start ``nas WORDS``.

    Args:
        words: Of the command.
        log: Where its output goes.
        fresh: Start a new Python instead of forking this one: for faults while it starts.
        before: Called in the new process before the command.
    """
    born_with = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20
    child = os.fork()
    if child == 0:
        _child(list(words), log, fresh, before)
    return Child(child, log, born_with)


def nas(
    *words: str,
    log: Path,
    after: float | None = None,
    number: int = signal.SIGTERM,
    fresh: bool = False,
    before: Callable[[], None] | None = None,
    hangs: float = HANGS,
) -> Ended:
    """Run ``nas WORDS`` and, after some seconds, send it a signal.

    Args:
        words: Of the command.
        log: Where its output goes.
        after: Seconds until the signal; None sends none.
        number: The signal.
        fresh: Start a new Python instead of forking this one: for faults while it starts.
        before: Called in the new process before the command.
        hangs: Seconds after which it is taken to hang.
    """
    child = start(*words, log=log, fresh=fresh, before=before)
    signalled = after is not None and not child.ended_within(after)
    if signalled:
        child.kill(number)
    return child.wait(hangs, signalled)


def _child(words: list[str], log: Path, fresh: bool, before: Callable[[], None] | None) -> None:
    """The rest of a forked process, which never returns."""
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    code = 1
    try:
        if before is not None:
            before()
        if fresh:
            os.execv(sys.executable, [sys.executable, "-m", "nas", *words])
        from nas.cli import main

        main(words)
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _until(holds: Callable[[], bool], seconds: float) -> bool:
    """Whether a condition comes to hold within some seconds."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() >= end:
            return False
        time.sleep(0.002)
    return True
