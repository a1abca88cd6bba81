"""The CPU time of every run of an experiment."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nas.files import write_json

#: folder of one small file a part
FOLDER = "work"


class CpuTime:
    """CPU seconds of every part, all threads and finished child processes, summed over its sessions.

    A session that was killed leaves no figure; the part is then marked, so that nobody takes the sum for whole.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] | None = None) -> None:
        self._folder = folder / FOLDER
        self._clock = clock or cpu_seconds

    @contextmanager
    def measured(self, part: str) -> Iterator[None]:
        """Adds what happens inside to the part's sum, also when it ends badly."""
        entry = self._read(part) or {"cpu_seconds": 0.0, "whole": True, "running": False}
        if entry["running"]:  # the last session of this part never came to an end
            entry["whole"] = False
        entry["running"] = True
        self._write(part, entry)
        start = self._clock()
        try:
            yield
        finally:
            entry["cpu_seconds"] = round(entry["cpu_seconds"] + self._clock() - start, 2)
            entry["running"] = False
            self._write(part, entry)

    def seconds(self, part: str) -> float | None:
        """What the part has taken; None where a session was lost or the part never ran."""
        entry = self._read(part)
        return float(entry["cpu_seconds"]) if entry is not None and entry["whole"] else None

    def _read(self, part: str) -> dict[str, Any] | None:
        path = self._folder / f"{part}.json"
        if not path.is_file():
            return None
        entry: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return entry

    def _write(self, part: str, entry: dict[str, Any]) -> None:
        self._folder.mkdir(exist_ok=True)
        write_json(self._folder / f"{part}.json", entry)


def cpu_seconds() -> float:
    """CPU time of this process and of its finished children, user and system, all threads."""
    children = os.times()  # which counts in ticks of 10 ms: too coarse for a step of this process
    return time.process_time() + children.children_user + children.children_system
