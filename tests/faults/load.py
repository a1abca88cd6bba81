"""Workers on one shared search, one of which is killed every few seconds: no trial lost, none doubled, budget exact."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from pathlib import Path

from tests.faults.forks import Child, nas, start
from tests.faults.tally import Tallies, Tally
from tests.faults.works import make_photos

#: trials for each kill, so that the search goes on while workers die
TRIALS = 6
#: repeats after which the search itself gives a trial up: a trial may meet no more kills than that
MOST_WORKERS = 8


def campaign(folder: Path, tries: int, seed: int = 0) -> Tallies:
    """Kill workers of one search until there were so many kills, and look at what it has come to.

    Args:
        folder: For scratch; it must exist.
        tries: Kills. With 5 and fewer two workers are at work, else 8, and a kill comes every 30 seconds.
        seed: Of which worker it is.
    """
    rng, photos = random.Random(seed), make_photos(folder)
    count, pause = (2, 1.0) if tries <= 5 else (MOST_WORKERS, 30.0)
    every = os.environ.get("FAULTS_PAUSE")
    pause = float(every) if every else pause
    trials, journal, out = max(tries * TRIALS, 8), folder / "journal", folder / "out"
    search = (
        "search --space jsm --task sr_x2 --cells 1 --width 8 --batch 1 --patch 32 --threads 1 --strategy random "
        f"--trials {trials} --set search.trial_steps=2 --set data.validation=1 --study s"
    ).split()
    words = [*search, "--data", str(photos), "--storage", str(journal), "--out", str(out)]
    leader = start(*words, log=folder / "leader")
    while not (out / "events.jsonl").exists() and not leader.ended_within(0.05):
        pass
    workers = _Workers(folder, ["worker", "--storage", str(journal), "--study", "s", "--threads", "1"], count)
    tally = Tally()
    while tally.tried < tries and not leader.ended_within(rng.uniform(0.5, 1.0) * pause):
        if workers.kill_one(rng):
            tally.note("")
    ended = leader.wait()
    workers.wait()
    problem = f"the search ended with code {ended.code}: {ended.told[-300:]}" if ended.code else _problem(out, trials)
    if not problem:  # what the run says is what its study holds: from the same rows the same folder
        (out / "summary.json").unlink()
        again = nas("search", "--resume", str(out), log=folder / "again")
        problem = f"code {again.code}: {again.told[-300:]}" if again.code else _problem(out, trials)
    if problem:
        tally.lose(problem)
    return {f"{count} workers, {trials} trials": tally}


class _Workers:
    """Workers that are replaced when they are killed."""

    def __init__(self, folder: Path, words: list[str], count: int) -> None:
        self._folder, self._words, self._started = folder, words, 0
        self._workers: list[Child] = []
        for _ in range(count):
            self._add()

    def _add(self) -> None:
        self._workers.append(start(*self._words, log=self._folder / f"worker{self._started}"))
        self._started += 1

    def kill_one(self, rng: random.Random) -> bool:
        """Kill one of the workers and start another; False where none is left."""
        alive = [worker for worker in self._workers if not worker.ended_within(0.0)]
        if not alive:
            return False
        victim = rng.choice(alive)
        victim.kill(signal.SIGKILL)
        victim.wait()
        self._workers.remove(victim)
        self._add()
        return True

    def wait(self) -> None:
        """Wait for the end of all of them, who see that the study is done."""
        end = time.monotonic() + 300
        for worker in self._workers:
            if not worker.ended_within(max(end - time.monotonic(), 0.0)):
                worker.kill(signal.SIGTERM)
            worker.wait()


def _problem(out: Path, trials: int) -> str:
    """What is wrong with the trials that a run tells of; "" if nothing."""
    events = [json.loads(line) for line in (out / "events.jsonl").read_text().splitlines()]
    told = [event for event in events if event["kind"] == "trial"]
    slots, genotypes = sorted(e["slot"] for e in told), {e["genotype"] for e in told}
    if slots != list(range(trials)):
        return f"{len(told)} trials with {len(set(slots))} numbers instead of {trials}"
    if len(genotypes) != trials:
        return f"{trials - len(genotypes)} genotypes were tried twice"
    unfinished = [e["slot"] for e in told if e["state"] != "complete"]
    return f"trials {unfinished[:5]} came to no result" if unfinished else ""
