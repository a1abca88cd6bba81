"""Worker processes on the machine that started the search."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from nas.errors import NasError, UsageError
from nas.machine import child_environment

#: environment variable of the storage's address, so that no password stands on a command line
STORAGE_VARIABLE = "NAS_STORAGE"


class WorkerPool:
    """Processes of ``nas worker`` on this machine; a few of them are replaced when they die.

    As a context manager it starts them, and dismisses them at the end of the block, however it ends.

    Args:
        count: How many run at a time.
        storage: Address of the storage, passed on in the environment.
        study: Name of the study.
        folder: Where their output goes, to worker-<k>.log.
        threads: CPU threads of each; 0 shares the cores among them.
        local: Further words of their command line: where this machine has images and plug-ins.

    Attributes:
        processes: Those that were started and have not been replaced.
    """

    def __init__(
        self, count: int, storage: str, study: str, folder: Path, threads: int = 0, local: Sequence[str] = ()
    ) -> None:
        self._study, self._folder = study, folder
        self._environment = child_environment(**{STORAGE_VARIABLE: storage})
        share = threads or max(1, (os.cpu_count() or 1) // max(count, 1))
        self._environment.setdefault("OMP_NUM_THREADS", str(share))
        self._count, self._spare = count, count + 3
        self._threads, self._local = threads, tuple(local)
        self._started = 0
        self.processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            for _ in range(self._count):
                self._start()
        except BaseException:
            self.dismiss()
            raise
        return self

    def __exit__(self, *failure: object) -> None:
        self.dismiss()

    def _start(self) -> None:
        command = [sys.executable, "-m", "nas", "worker", "--study", self._study]
        command += self._local
        if self._threads:
            command += ["--threads", str(self._threads)]
        with (self._folder / f"worker-{self._started}.log").open("wb") as log:
            process = subprocess.Popen(
                command, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        self._started += 1
        self.processes.append(process)

    def replace_dead(self, note: Callable[[str], None]) -> None:
        """Replace the workers that have died.

        Args:
            note: Told of each of them, in one sentence.

        Raises:
            UsageError: The study refused a worker.
            NasError: More workers have died than are replaced.
        """
        for process in list(self.processes):
            code = process.poll()
            if not code:
                continue
            self.processes.remove(process)
            if code == UsageError.exit_code:
                raise UsageError(f"a worker was refused: {self._last_line()}")
            if not self._spare:
                raise NasError(
                    f"the workers keep dying, the last with exit code {code}: {self._last_line()}; see the "
                    f"logs in {self._folder} and continue with --resume {self._folder.parent}"
                )
            self._spare -= 1
            how = f"killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
            note(f"a worker was {how}; another one takes its place and repeats its trial")
            self._start()

    def dismiss(self) -> None:
        """End all workers that still run: by SIGTERM, so that they return their trials, and by SIGKILL after 15 s."""
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

    def _last_line(self) -> str:
        logs = sorted(self._folder.glob("worker-*.log"), key=lambda p: p.stat().st_mtime)
        for log in reversed(logs):
            lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            if lines:
                return lines[-1].removeprefix("nas: ")
        return "it wrote no message"
