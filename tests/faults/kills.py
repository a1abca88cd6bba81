"""SIGKILL at any moment, between any two changes of a file, and inside the writing of a state: nothing is lost."""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.faults.forks import nas, start
from tests.faults.interruptions import Attempts, in_turn
from tests.faults.tally import Tallies, Tally
from tests.faults.works import WORKS, Work, filled, make_photos

#: what Python reports before it changes a file or a folder
CHANGES = frozenset(["os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate"])
#: steps of the search that is interrupted again and again
STEPS = 200


def count_changes(folder: Path, counter: Path, die_at: int = 0) -> Callable[[], None]:
    """What makes a process note every change below a folder, and kill itself just before one of them.

    Args:
        folder: Where the changes count.
        counter: A file that grows by one byte with every change.
        die_at: Number of the change, counted from 1, before which it dies; 0 for none.
    """
    below = str(folder)

    def before() -> None:
        stream = os.open(counter, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        done = [0]

        def hear(event: str, words: tuple[Any, ...]) -> None:
            if event in CHANGES:
                hit = any(isinstance(w, str | os.PathLike) and os.fspath(w).startswith(below) for w in words[:2])
            elif event == "open" and isinstance(words[2], int):
                path = words[0]
                hit = isinstance(path, str | os.PathLike) and str(os.fspath(path)).startswith(below)
                hit = hit and bool(words[2] & (os.O_WRONLY | os.O_RDWR))
            else:
                return
            if hit:
                done[0] += 1
                os.write(stream, b".")
                if done[0] == die_at:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hear)

    return before


def die_at_size(most: int) -> Callable[[], None]:
    """What makes a process die within the writing of a file that becomes larger than so many bytes."""

    def before() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    return before


class BetweenChanges(Attempts):
    """Kills works just before one of the changes that they make to files, drawn at random."""

    def __init__(self, folder: Path, seed: int = 0) -> None:
        super().__init__(folder, seed)
        self._changes: dict[str, int] = {}

    def attempt(self, work: Work, tally: Tally) -> None:
        """Kill a work once, let it go on to its end, and note what was lost."""
        wanted, _ = self._undisturbed(work)
        counter = self._folder / "changes"
        if work.name not in self._changes:
            out = self._folder / "counted"
            nas(*filled(work.words, self.photos, out), log=self._log, before=count_changes(out, counter))
            self._changes[work.name] = counter.stat().st_size
            self._forget(out)
        out = self._folder / f"try{self._count}"
        self._count += 1
        at = self._random.randint(1, self._changes[work.name])
        words = filled(work.words, self.photos, out)
        ended = nas(*words, log=self._log, before=count_changes(out, counter, at))
        if ended.code == -signal.SIGKILL:
            problem = self.resumed(work, out, wanted)
            where = f"{work.name}, killed before change {at} of {self._changes[work.name]}"
            tally.note(f"{where}: {problem}" if problem else "")
        self._forget(out)

    def _forget(self, out: Path) -> None:
        shutil.rmtree(out, ignore_errors=True)
        Path(f"{out}.journal").unlink(missing_ok=True)


def long_search(folder: Path, tries: int, seed: int = 0) -> Tally:
    """A search of 200 tiny steps, interrupted again and again: its end is that of one that never was.

    Every tenth interruption is a kill inside the writing of a state, the others are SIGKILL, SIGTERM or SIGINT after
    one to three more steps.

    Args:
        folder: For scratch; it must exist.
        tries: Interruptions.
        seed: Of their moments.
    """
    rng, tally, photos, log = random.Random(seed), Tally(), make_photos(folder), folder / "log"
    search = next(work for work in WORKS if work.name == "search by gradients")
    steps = str(min(STEPS, 2 * tries))
    words = tuple(steps if w == "6" else w.replace("checkpoint_every=2", "checkpoint_every=1") for w in search.words)
    if nas(*filled(words, photos, folder / "whole"), log=log).code != 0:
        raise RuntimeError(log.read_text()[-500:])
    size = max(p.stat().st_size for p in (folder / "whole/state").glob("*.pt"))
    out, going_on, done = folder / "out", words, 0
    while done < tries and not (out / "summary.json").exists():
        if done % 10 == 9:
            limit = rng.randint(size // 10, size - 1)
            ended = nas(*filled(going_on, photos, out), log=log, before=die_at_size(limit))
            good = ended.code == -signal.SIGXFSZ
        else:
            number = rng.choice((signal.SIGKILL, signal.SIGTERM, signal.SIGINT))
            child = start(*filled(going_on, photos, out), log=log)
            _wait_for_lines(out / "events.jsonl", rng.randint(1, 3), child.ended_within)
            time.sleep(rng.uniform(0.0, 0.05))
            child.kill(number)
            ended = child.wait()
            good = ended.code in (0, -number, 128 + number)
        done += 1
        tally.note("" if good else f"interruption {done} of a long search: code {ended.code}: {ended.told[-300:]}")
        going_on = search.resume if (out / "config.yaml").exists() else words
    ended = nas(*filled(search.resume, photos, out), log=log)
    if ended.code != 0 or search.result(out) != search.result(folder / "whole"):
        tally.lose(f"a search interrupted {done} times: code {ended.code}, another end: {ended.told[-300:]}")
    return tally


def _wait_for_lines(file: Path, more: int, ended_within: Callable[[float], bool]) -> None:
    """Return when a file has so many more lines, or a process has ended."""

    def lines() -> int:
        return file.read_bytes().count(b"\n") if file.exists() else 0

    wanted = lines() + more
    while lines() < wanted and not ended_within(0.01):
        pass


def campaign(folder: Path, tries: int, seed: int = 0) -> Tallies:
    """A third of the tries each: kills at random moments, kills between two changes, one search killed again and again.

    Args:
        folder: For scratch; it must exist.
        tries: Kills in all.
        seed: Of the moments.
    """
    found = Tallies()
    share = max(1, tries // 3)
    works = tuple(work for work in WORKS if not work.fresh)
    for name in ("moments", "changes", "long"):
        (folder / name).mkdir()
    for work, tally in in_turn(Attempts(folder / "moments", seed, (signal.SIGKILL,)), share, works).items():
        found[f"at any moment: {work}"] = tally
    for work, tally in in_turn(BetweenChanges(folder / "changes", seed), share, works).items():
        found[f"between two changes of files: {work}"] = tally
    found["one search, again and again"] = long_search(folder / "long", tries - 2 * share, seed)
    return {name: tally for name, tally in found.items() if tally.tried}
