"""Ctrl-C and SIGTERM at any moment of every command that works for long: it ends, says how to go on, and goes on.

python -m tests.faults.interruptions [--tries 200] [--seed 0]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tests.faults.forks import Ended, nas, preload

SMALL = ("--task", "sr_x2", "--cells", "1", "--width", "8", "--batch", "1", "--patch", "32", "--threads", "1")
SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True)
class Work:
    """A command that is interrupted.

    Attributes:
        name: What it is called in the table.
        words: The command; {photos}, {out} are filled in.
        resume: The command that goes on, likewise.
        result: Digest of what an uninterrupted command leaves in its folder.
        fresh: Whether it is interrupted while Python starts.
    """

    name: str
    words: tuple[str, ...]
    resume: tuple[str, ...]
    result: Callable[[Path], str]
    fresh: bool = False


def _digest(*files: Path) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()


def _run_result(out: Path) -> str:
    """Log and scores of a run, its genotype and its weights, without the times in them."""
    events = [json.loads(line) for line in (out / "events.jsonl").read_text().splitlines()]
    kept = [{k: v for k, v in event.items() if k != "seconds"} for event in events]
    summary = json.loads((out / "summary.json").read_text())
    words = json.dumps([kept, summary["scores"], summary.get("weights"), summary.get("genotype")], sort_keys=True)
    return hashlib.sha256(words.encode()).hexdigest()


def _study_result(out: Path) -> str:
    """How many trials a shared study has, none lost and none doubled: their order is that of their ends."""
    events = [json.loads(line) for line in (out / "events.jsonl").read_text().splitlines()]
    trials = sorted(e["genotype"] for e in events if e["kind"] == "trial")
    return f"{len(trials)} trials, {len(set(trials))} genotypes"


def _folder_result(out: Path) -> str:
    return _digest(*sorted(p for p in out.rglob("*.png") if not p.name.startswith(".")))


def _rows_result(out: Path) -> str:
    rows = (out / "rows.csv").read_text().splitlines()
    return json.dumps(sorted(",".join(row.split(",")[:7]) for row in rows))


_RESUME = ("{kind}", "--resume", "{out}")
WORKS = (
    Work(
        "search by gradients",
        ("search", "--space", "jsm", *SMALL, "--data", "{photos}", "--steps", "6", "--out", "{out}",
         "--set", "data.validation=1", "--set", "train.log_every=1", "--set", "train.checkpoint_every=2"),
        ("search", "--resume", "{out}"),
        _run_result,
    ),
    Work(
        "search by trials",
        ("search", "--space", "jsm", *SMALL, "--data", "{photos}", "--strategy", "evolution", "--trials", "4",
         "--set", "search.trial_steps=2", "--set", "data.validation=1", "--out", "{out}"),
        ("search", "--resume", "{out}"),
        _run_result,
    ),
    Work(
        "search by random trials, unrecorded steps",
        ("search", "--space", "jsm", *SMALL, "--data", "{photos}", "--strategy", "random", "--trials", "3",
         "--set", "search.trial_steps=3", "--set", "data.validation=1", "--out", "{out}"),
        ("search", "--resume", "{out}"),
        _run_result,
    ),
    Work(
        "training",
        ("retrain", "jsnet_released", *SMALL, "--data", "{photos}", "--steps", "8", "--out", "{out}",
         "--set", "data.validation=1", "--set", "train.log_every=1", "--set", "train.validate_every=3",
         "--set", "train.checkpoint_every=2", "--set", "train.ema=0.9"),
        ("retrain", "--resume", "{out}"),
        _run_result,
    ),
    Work(
        "shared study, a worker's loop",
        ("search", "--space", "jsm", *SMALL, "--data", "{photos}", "--strategy", "random", "--trials", "4",
         "--set", "search.trial_steps=2", "--set", "data.validation=1", "--storage", "{out}.journal",
         "--study", "s", "--out", "{out}"),
        ("search", "--resume", "{out}"),
        _study_result,
    ),
    Work(
        "prepare",
        ("data", "prepare", "{photos}", "--task", "sr_x2", "--out", "{out}", "--sub-image", "16"),
        ("data", "prepare", "{photos}", "--task", "sr_x2", "--out", "{out}", "--sub-image", "16"),
        _folder_result,
    ),
    Work(
        "evaluate",
        ("evaluate", "bicubic", "identity", "--task", "sr_x2", "--sets", "{photos}", "--out", "{out}/rows.csv"),
        ("evaluate", "bicubic", "identity", "--task", "sr_x2", "--sets", "{photos}", "--out", "{out}/rows.csv"),
        _rows_result,
    ),
    Work(
        "start-up",
        ("retrain", "jsnet_released", *SMALL, "--data", "{photos}", "--steps", "1", "--out", "{out}",
         "--set", "data.validation=0"),
        ("retrain", "--resume", "{out}"),
        _run_result,
        fresh=True,
    ),
)  # fmt: skip


@dataclass
class Tally:
    """Tries of one kind of work.

    Attributes:
        tried: How many signals found the process at work.
        lost: What went wrong, one sentence each.
    """

    tried: int = 0
    lost: list[str] = field(default_factory=list)


class Attempts:
    """Interrupts works in a scratch folder, each at moments spread over the time that it takes."""

    def __init__(self, folder: Path, seed: int = 0) -> None:
        self._folder, self._random = folder, random.Random(seed)
        self.photos = folder / "photos"
        self._whole: dict[str, tuple[str, float]] = {}
        self._count = 0
        from nas.images import write_image

        rng = np.random.default_rng(seed)
        for number in range(6):
            write_image(self.photos / f"{number}.png", rng.integers(0, 255, (48, 64, 3), dtype=np.uint8))

    def attempt(self, work: Work, tally: Tally) -> None:
        """Interrupt a work once, let it go on to its end, and note what was lost."""
        wanted, seconds = self._undisturbed(work)
        number = self._random.choice(SIGNALS)
        out = self._folder / f"try{self._count}"
        self._count += 1
        after = self._random.uniform(0.0, 1.0) * seconds
        ended = nas(*self._words(work.words, out), log=self._log, after=after, number=number, fresh=work.fresh)
        if ended.signalled:
            tally.tried += 1
            where = f"{work.name}, {signal.Signals(number).name} after {after:.2f} of {seconds:.2f} s"
            problem = self._problem(work, out, ended, number) or self._resumed(work, out, wanted)
            if problem:
                tally.lost.append(f"{where}: {problem}")
        shutil.rmtree(out, ignore_errors=True)
        Path(f"{out}.journal").unlink(missing_ok=True)

    def _problem(self, work: Work, out: Path, ended: Ended, number: int) -> str:
        """What was wrong with the way in which the process ended; "" if nothing."""
        if ended.code is None:
            return "hung"
        if ended.code == 0:
            return ""  # it was at its end, and finished
        if work.fresh and ended.code in (-number, 128 + number, 1) and not (out / "config.yaml").exists():
            return "" if ended.code != 1 or "KeyboardInterrupt" in ended.told else f"code 1: {ended.told[-300:]}"
        if ended.code != 128 + number:
            return f"code {ended.code} instead of {128 + number}: {ended.told[-600:]}"
        if "Traceback" in ended.told:
            return f"a traceback: {ended.told[-600:]}"
        if (out / "state").is_dir() and f"--resume {out}" not in ended.told and "--resume RUN" not in ended.told:
            return f"does not say how to go on: {ended.told[-300:]}"
        return ""

    def _resumed(self, work: Work, out: Path, wanted: str) -> str:
        started = work.resume[0] not in ("search", "retrain") or (out / "config.yaml").exists()
        words = work.resume if started else work.words
        ended = nas(*self._words(words, out), log=self._log)
        if ended.code != 0:
            return f"did not go on, code {ended.code}: {ended.told[-600:]}"
        found = work.result(out)
        return "" if found == wanted else f"went on to another result: {found[:80]} instead of {wanted[:80]}"

    def _undisturbed(self, work: Work) -> tuple[str, float]:
        """What an uninterrupted command leaves, and the seconds that it takes."""
        if work.name not in self._whole:
            out = self._folder / f"whole{len(self._whole)}"
            started = time.monotonic()
            ended = nas(*self._words(work.words, out), log=self._log, fresh=work.fresh)
            if ended.code != 0:
                raise RuntimeError(f"{work.name} fails without any fault: {ended.told[-600:]}")
            self._whole[work.name] = (work.result(out), time.monotonic() - started)
        return self._whole[work.name]

    @property
    def _log(self) -> Path:
        return self._folder / "log.txt"

    def _words(self, words: tuple[str, ...], out: Path) -> list[str]:
        return [word.format(photos=self.photos, out=out) for word in words]


def interrupt(folder: Path, tries: int, seed: int = 0, works: tuple[Work, ...] = WORKS) -> dict[str, Tally]:
    """Interrupt every work in turn until there were ``tries`` interruptions in all.

    Args:
        folder: For scratch; it must exist.
        tries: Interruptions that find a process at work.
        seed: Of the moments.
        works: What is interrupted.

    Returns:
        A tally for each work, by its name.
    """
    attempts, tallies = Attempts(folder, seed), {work.name: Tally() for work in works}
    for turn in range(10 * tries):
        if sum(tally.tried for tally in tallies.values()) >= tries:
            break
        work = works[turn % len(works)]
        attempts.attempt(work, tallies[work.name])
    return tallies


def main() -> None:
    """Print the table (tried, survived, lost) and what was lost; exit code 1 if anything was."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tries", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    preload()
    with tempfile.TemporaryDirectory(prefix="nas-faults-") as folder:
        tallies = interrupt(Path(folder), given.tries, given.seed)
    out = sys.stdout
    out.write("| interrupted | tried | survived | lost |\n|---|---:|---:|---:|\n")
    for name, tally in tallies.items():
        out.write(f"| {name} | {tally.tried} | {tally.tried - len(tally.lost)} | {len(tally.lost)} |\n")
    lost = [sentence for tally in tallies.values() for sentence in tally.lost]
    tried = sum(tally.tried for tally in tallies.values())
    out.write(f"| all | {tried} | {tried - len(lost)} | {len(lost)} |\n")
    out.write("".join(f"\nlost: {sentence}" for sentence in lost) + "\n" * bool(lost))
    sys.exit(bool(lost))


if __name__ == "__main__":
    main()
