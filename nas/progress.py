"""Progress for people: a bar with ETA on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


class Progress:
    """Counts work done; ``advance`` after each piece, ``note`` for a line that stays."""

    def __init__(self, title: str, total: int, stream: TextIO, every_s: float = 10.0, done: int = 0) -> None:
        self._title, self._total, self._stream, self._every = title, total, stream, every_s
        self._done = self._first = done
        self._start = self._last = time.monotonic()
        self._bar = None
        if stream.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
            from rich.progress import Progress as RichProgress

            self._bar = RichProgress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn("ETA"),
                TimeRemainingColumn(),
                TextColumn("{task.fields[detail]}"),
                console=Console(file=stream),
            )
            self._bar.start()
            self._id = self._bar.add_task(title, total=total, completed=done, detail="")

    def advance(self, count: int = 1, detail: str = "") -> None:
        """``count`` more pieces are done; ``detail`` is shown beside the bar (a loss, a file name)."""
        self._done += count
        if self._bar is not None:
            self._bar.update(self._id, completed=self._done, detail=detail)
            return
        now = time.monotonic()
        if now - self._last >= self._every:
            self._last = now
            rate = (self._done - self._first) / max(now - self._start, 1e-9)
            left = (self._total - self._done) / rate if rate > 0 else 0.0
            self.note(f"{self._title}: {self._done}/{self._total}, {left:.0f} s left{', ' + detail if detail else ''}")

    def note(self, line: str) -> None:
        """A line that stays on the screen."""
        if self._bar is not None:
            self._bar.console.print(line, markup=False, highlight=False)
        else:
            self._stream.write(line + "\n")
            self._stream.flush()

    def close(self) -> None:
        """Take the bar down; plain mode has nothing to do."""
        if self._bar is not None:
            self._bar.stop()


@contextmanager
def progress(title: str, total: int, stream: TextIO | None = None, done: int = 0) -> Iterator[Progress]:
    """``with progress("search", 1000) as bar: bar.advance()``; writes to standard error by default."""
    bar = Progress(title, total, stream or sys.stderr, done=done)
    try:
        yield bar
    finally:
        bar.close()
