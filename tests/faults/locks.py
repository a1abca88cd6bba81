"""Two processes and one run: the second says who holds it and writes nothing; a dead owner's lock is taken over."""

from __future__ import annotations

import random
import shutil
import signal
import socket
import time
from pathlib import Path

from tests.faults.forks import Child, nas, start
from tests.faults.tally import Tallies, Tally
from tests.faults.works import WORKS, filled, make_photos

#: seconds that a process may take to lock its run, on however busy a machine
BEGINS = 120.0


class _Rivals:
    """A search of its own folder, and others that want to go on with it."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder, self._random, self._log = folder, random.Random(seed), folder / "log"
        self.photos = make_photos(folder)
        self._work = next(work for work in WORKS if work.name == "search by gradients")
        self._words = tuple("40" if word == "6" else word for word in self._work.words)
        whole = folder / "whole"
        ended = nas(*filled(self._words, self.photos, whole), log=self._log)
        if ended.code != 0:
            raise RuntimeError(ended.told[-500:])
        self._wanted = self._work.result(whole)
        self._count = 0

    def second_process(self, tally: Tally) -> None:
        """A process resumes a run on which another is at work."""
        out, owner = self._begun()
        rival = nas(*filled(self._work.resume, self.photos, out), log=self._folder / "rival")
        problem = ""
        if rival.code == 0 and owner.ended_within(0.0):
            problem = "skip"  # the owner was done before the rival came
        elif rival.code != 2:
            problem = f"code {rival.code} instead of 2: {rival.told[-300:]}"
        elif f"process {owner.pid} on {socket.gethostname()}" not in rival.told:
            problem = f"does not say who holds the run: {rival.told[-300:]}"
        ended = owner.wait()
        if problem != "skip":
            if not problem and (ended.code != 0 or self._work.result(out) != self._wanted):
                problem = f"the owner was disturbed, code {ended.code}: {ended.told[-300:]}"
            tally.note(f"second process: {problem}" if problem else "")
        shutil.rmtree(out)

    def dead_owner(self, tally: Tally) -> None:
        """A process goes on with a run whose owner was killed, or was suspended and killed."""
        out, owner = self._begun()
        time.sleep(self._random.uniform(0.0, 0.5))
        if owner.ended_within(0.0):
            owner.wait()
        else:
            owner.kill(signal.SIGKILL)
            owner.wait()
            ended = nas(*filled(self._work.resume, self.photos, out), log=self._log)
            good = ended.code == 0 and self._work.result(out) == self._wanted
            tally.note("" if good else f"after a dead owner: code {ended.code}: {ended.told[-300:]}")
        shutil.rmtree(out)

    def _begun(self) -> tuple[Path, Child]:
        """A new run with a process at work on it, which holds its lock and has saved a state."""
        out = self._folder / f"run{self._count}"
        self._count += 1
        owner = start(*filled(self._words, self.photos, out), log=self._folder / "owner")
        end = time.monotonic() + BEGINS
        while not (list(out.glob("state/*.sha256")) or owner.ended_within(0.01)) and time.monotonic() < end:
            pass
        return out, owner


def campaign(folder: Path, tries: int, seed: int = 0) -> Tallies:
    """Let processes meet on one run, and follow dead ones.

    Args:
        folder: For scratch; it must exist.
        tries: In all.
        seed: Of the moments.
    """
    rivals = _Rivals(folder, seed)
    found: Tallies = {"a second process": Tally(), "a dead owner": Tally()}
    for number in range(tries):
        if number % 2:
            rivals.dead_owner(found["a dead owner"])
        else:
            rivals.second_process(found["a second process"])
    return found
