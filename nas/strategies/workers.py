"""Processes that work on a shared study: the loop of one, and a crew of local ones."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from optuna.trial import TrialState

from nas.engines.evaluator import Workplace
from nas.errors import NasError, UsageError
from nas.estimators.catalogue import Report
from nas.estimators.pruning import hopeless
from nas.space import Genotype
from nas.strategies.optuna_sampler import HOPELESS, genotype_of
from nas.strategies.slots import SECONDS, Claim, Slots
from nas.strategies.storage import is_lost
from nas.train.signals import terminating

#: environment variable of the storage's address, so that no password stands on a command line
STORAGE_VARIABLE = "NAS_STORAGE"
#: seconds between two looks at a study on which others work
POLL = 0.5


def work(slots: Slots, place: Workplace, tell: Callable[[Claim], None] | None = None) -> int:
    """Evaluate slots until none is left, waiting for those of others (they might die); returns how many were done.

    ``tell`` is called after each. An exception of this process (Ctrl-C too) gives its slot back before it goes on.
    """
    done = 0
    with terminating():
        while True:
            claim = slots.claim()
            if claim is None:
                if slots.done():
                    return done
                time.sleep(POLL)
                continue
            try:
                with slots.shared.working(claim.trial_id):
                    kept = _evaluate(slots, place, claim)
            except KeyboardInterrupt:
                slots.give_back(claim, counted=False)
                raise
            except Exception:
                slots.give_back(claim, counted=True)
                raise
            done += kept
            if kept and tell is not None:
                tell(claim)


def _evaluate(slots: Slots, place: Workplace, claim: Claim) -> bool:
    result = place.evaluate(claim.genotype, claim.slot, _reporter(slots, place, claim))
    notes: dict[str, Any] = {
        SECONDS: round(result.seconds, 3),
        # what is an objective stands in the row already, and every note is a write
        **{name: value for name, value in result.scores.items() if value and name not in place.objectives},
    }
    if result.failure:
        return slots.finish(claim, None, TrialState.FAIL, {**notes, HOPELESS: result.failure})
    if result.stopped:  # Optuna takes the last report for the value
        return slots.finish(claim, None, TrialState.PRUNED, notes)
    return slots.finish(claim, [result.values[n] for n in place.objectives], TrialState.COMPLETE, notes)


def _reporter(slots: Slots, place: Workplace, claim: Claim) -> Report | None:
    """Successive halving over the trials of all workers: what others had reached at a rung stands in the storage."""
    search = place.settings.search
    if not search.pruning:
        return None

    def values(genotype: Genotype, quality: float) -> dict[str, float]:
        costs = place.costs_of(genotype) if len(place.objectives) > 1 else {}
        return {name: costs.get(name, quality) for name in place.objectives}

    def report(step: int, quality: float) -> bool:
        others = [
            values(genotype_of(place.space, t.params), t.intermediate_values[step])
            for t in slots.trials()
            if t.number != claim.number and step in t.intermediate_values and not is_lost(t)
        ]
        slots.note(claim, step, quality)
        return hopeless(values(claim.genotype, quality), others, search)

    return report


class Crew:
    """``count`` processes of ``nas worker`` on this machine; those that die are replaced, within reason.

    Their output goes to ``folder``/worker-<k>.log.
    """

    def __init__(self, count: int, storage: str, study: str, folder: Path, threads: int = 0) -> None:
        self._study, self._folder = study, folder
        self._environment = {**os.environ, STORAGE_VARIABLE: storage}
        share = threads or max(1, (os.cpu_count() or 1) // max(count, 1))
        self._environment.setdefault("OMP_NUM_THREADS", str(share))
        self._spare = count + 3
        self._threads = threads
        self._started = 0
        self.processes: list[subprocess.Popen[bytes]] = []
        folder.mkdir(parents=True, exist_ok=True)
        for _ in range(count):
            self._start()

    def _start(self) -> None:
        command = [sys.executable, "-m", "nas", "worker", "--study", self._study]
        if self._threads:
            command += ["--threads", str(self._threads)]
        with (self._folder / f"worker-{self._started}.log").open("wb") as log:
            process = subprocess.Popen(
                command, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        self._started += 1
        self.processes.append(process)

    def look_after(self, note: Callable[[str], None]) -> None:
        """Replace the dead. Raises UsageError if a worker was refused, NasError if they die again and again."""
        for process in list(self.processes):
            code = process.poll()
            if not code:
                continue
            self.processes.remove(process)
            if code == UsageError.exit_code:
                raise UsageError(f"a worker was refused: {self._last_words()}")
            if not self._spare:
                raise NasError(
                    f"the workers die again and again, the last with exit code {code}: {self._last_words()}; see the "
                    f"logs in {self._folder} and continue with --resume {self._folder.parent}"
                )
            self._spare -= 1
            how = f"killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
            note(f"a worker was {how}; another takes its place, and its trial is done again")
            self._start()

    def dismiss(self) -> None:
        """End all that still run: asked to first, so that they give back what they work on."""
        running = [p for p in self.processes if p.poll() is None]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + 15
        for process in running:
            try:
                process.wait(timeout=max(deadline - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _last_words(self) -> str:
        logs = sorted(self._folder.glob("worker-*.log"), key=lambda p: p.stat().st_mtime)
        for log in reversed(logs):
            lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            if lines:
                return lines[-1].removeprefix("nas: ")
        return "it said nothing"
