"""Worker processes on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from nas.errors import NasError, UsageError

#: environment variable of the storage's address, so that no password stands on a command line
STORAGE_VARIABLE = "NAS_STORAGE"


class WorkerPool:
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
