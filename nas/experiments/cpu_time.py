"""The CPU time of every run of an experiment."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nas.documents import read_json
from nas.files import write_json

#: folder that holds one small file per run
FOLDER = "work"


class CpuTime:
    """CPU seconds of every run, all threads and finished child processes, summed over its sessions.

    A session that was killed leaves no figure; its run is marked, so that the sum is not taken for the whole.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] | None = None) -> None:
        """Keep the times of one experiment.

        Args:
            folder: Folder of the experiment.
            clock: Returns CPU seconds since any moment; None takes ``cpu_seconds``.
        """
        self._folder = folder / FOLDER
        self._clock = clock or cpu_seconds

    @contextmanager
    def measured(self, run: str) -> Iterator[None]:
        """Add the time spent inside to the sum of ``run``, also when it ends with an exception."""
        entry = self._read(run) or {"cpu_seconds": 0.0, "whole": True, "running": False}
        if entry["running"]:  # the last session of this run was killed
            entry["whole"] = False
        entry["running"] = True
        self._write(run, entry)
        start = self._clock()
        try:
            yield
        finally:
            entry["cpu_seconds"] = round(entry["cpu_seconds"] + self._clock() - start, 2)
            entry["running"] = False
            self._write(run, entry)

    def seconds(self, run: str) -> float | None:
        """CPU seconds of ``run``; None where a session was lost or the run never started."""
        entry = self._read(run)
        return float(entry["cpu_seconds"]) if entry is not None and entry["whole"] else None

    def _read(self, run: str) -> dict[str, Any] | None:
        path = self._folder / f"{run}.json"
        if not path.is_file():
            return None
        entry: dict[str, Any] = read_json(path)
        return entry

    def _write(self, run: str, entry: dict[str, Any]) -> None:
        self._folder.mkdir(exist_ok=True)
        write_json(self._folder / f"{run}.json", entry)


def cpu_seconds() -> float:
    """CPU time of this process and of its finished children, user and system, all threads."""
    children = os.times()  # which counts in ticks of 10 ms: too coarse for a step of this process
    return time.process_time() + children.children_user + children.children_system
