"""Ctrl-C and SIGTERM at any moment of every command that works for long: it ends, says how to go on, and goes on."""

from __future__ import annotations

import random
import shutil
import signal
import time
from pathlib import Path

from tests.faults.forks import Ended, nas
from tests.faults.tally import Tallies, Tally
from tests.faults.works import WORKS, Work, filled, make_photos

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Attempts:
    """Interrupts works in a scratch folder, each at moments spread over the time that it takes."""

    def __init__(self, folder: Path, seed: int = 0, signals: tuple[signal.Signals, ...] = SIGNALS) -> None:
        self._folder, self._random, self._signals = folder, random.Random(seed), signals
        self.photos = make_photos(folder, seed)
        self._log = folder / "log.txt"
        self._whole: dict[str, tuple[str, float]] = {}
        self._count = 0

    def attempt(self, work: Work, tally: Tally) -> None:
        """Interrupt a work once, let it go on to its end, and note what was lost."""
        wanted, seconds = self._undisturbed(work)
        number = self._random.choice(self._signals)
        out = self._folder / f"try{self._count}"
        self._count += 1
        after = self._random.uniform(0.0, 1.0) * seconds
        words = filled(work.words, self.photos, out)
        ended = nas(*words, log=self._log, after=after, number=number, fresh=work.fresh)
        if ended.signalled:
            problem = self._problem(work, out, ended, number) or self.resumed(work, out, wanted)
            where = f"{work.name}, {signal.Signals(number).name} after {after:.2f} of {seconds:.2f} s"
            tally.note(f"{where}: {problem}" if problem else "")
        shutil.rmtree(out, ignore_errors=True)
        Path(f"{out}.journal").unlink(missing_ok=True)

    def _problem(self, work: Work, out: Path, ended: Ended, number: int) -> str:
        """What was wrong with the way in which the process ended; "" if nothing."""
        if ended.code is None:
            return "hung"
        if ended.code == 0 or number == signal.SIGKILL:
            return ""  # it was at its end, and finished; or had no chance to say anything
        if work.fresh and ended.code in (-number, 128 + number, 1) and not (out / "config.yaml").exists():
            return "" if ended.code != 1 or "KeyboardInterrupt" in ended.told else f"code 1: {ended.told[-300:]}"
        if ended.code != 128 + number:
            return f"code {ended.code} instead of {128 + number}: {ended.told[-600:]}"
        if "Traceback" in ended.told:
            return f"a traceback: {ended.told[-600:]}"
        if (out / "state").is_dir() and f"--resume {out}" not in ended.told and "--resume RUN" not in ended.told:
            return f"does not say how to go on: {ended.told[-300:]}"
        return ""

    def resumed(self, work: Work, out: Path, wanted: str) -> str:
        """Let a work go on to its end; what is wrong there, "" if nothing."""
        started = work.resume[0] not in ("search", "retrain") or (out / "config.yaml").exists()
        ended = nas(*filled(work.resume if started else work.words, self.photos, out), log=self._log)
        if ended.code != 0:
            return f"did not go on, code {ended.code}: {ended.told[-600:]}"
        if left := [p for p in out.rglob("*") if ".partial" in p.name]:
            return f"left {left[0].relative_to(out)}"
        found = work.result(out)
        return "" if found == wanted else f"went on to another result: {found[:80]} instead of {wanted[:80]}"

    def _undisturbed(self, work: Work) -> tuple[str, float]:
        """What an uninterrupted command leaves, and the seconds that it takes."""
        if work.name not in self._whole:
            out = self._folder / f"whole{len(self._whole)}"
            started = time.monotonic()
            ended = nas(*filled(work.words, self.photos, out), log=self._log, fresh=work.fresh)
            if ended.code != 0:
                raise RuntimeError(f"{work.name} fails without any fault: {ended.told[-600:]}")
            self._whole[work.name] = (work.result(out), time.monotonic() - started)
        return self._whole[work.name]


def campaign(folder: Path, tries: int, seed: int = 0) -> Tallies:
    """Interrupt every work in turn until there were ``tries`` interruptions in all.

    Args:
        folder: For scratch; it must exist.
        tries: Interruptions that find a process at work.
        seed: Of the moments.

    Returns:
        A tally for each work, by its name.
    """
    return in_turn(Attempts(folder, seed), tries, WORKS)


def in_turn(attempts: Attempts, tries: int, works: tuple[Work, ...]) -> Tallies:
    """Disturb the works one after the other until so many tries found one at work; a tally for each."""
    tallies = {work.name: Tally() for work in works}
    for turn in range(10 * tries):
        if sum(tally.tried for tally in tallies.values()) >= tries:
            break
        work = works[turn % len(works)]
        attempts.attempt(work, tallies[work.name])
    return tallies
