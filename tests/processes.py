"""Other processes in tests: they are given all the time they need, so that no test fails on a slow or busy machine."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable

#: Seconds after which a process is taken to hang. Nothing that works comes near it; it only ends what never would.
HANGS = 3600.0


def hear_interruptions() -> None:
    """For ``preexec_fn`` of a process that a test interrupts: what runs in the background ignores Ctrl-C from birth."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[bytes] | None = None) -> None:
    """Return when ``condition`` holds; an AssertionError when ``process`` ends before, or after ``HANGS`` seconds."""
    end = time.monotonic() + HANGS
    while not condition():
        assert process is None or process.poll() is None, f"the process ended with code {process.returncode}"
        assert time.monotonic() < end, "nothing happened for an hour"
        time.sleep(0.05)


#: Runs ``nas`` with the words given and kills it by SIGKILL while it writes the second of its states: the mark that
#: makes a state valid is moved into place last, so the first state is whole and the second is not.
_DYING = """
import os, signal, sys
from nas.cli import main

marks = []

def die(event, given):
    if event == "os.rename" and str(given[1]).endswith(".sha256"):
        marks.append(given[1])
        if len(marks) == 2:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(die)
main()
"""


def nas_command(*words: str, dying: bool = False) -> list[str]:
    """The command line of ``nas`` with this interpreter; ``dying`` kills it while it writes its second state."""
    return [sys.executable, *(("-c", _DYING) if dying else ("-m", "nas")), *words]
