"""Progress for people: a bar with ETA on a terminal and in a notebook, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from html import escape
from typing import TextIO

#: seconds between two drawings of a notebook's bar
_REDRAW = 0.3


def _notebook_page() -> Callable[[str], None] | None:
    """What shows HTML in the cell of a notebook that is running, each time in place of the last; None elsewhere."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if shell is None or not hasattr(shell, "kernel"):
        return None
    from IPython.display import HTML, display

    handle = display(HTML(""), display_id=True)
    return None if handle is None else lambda html: handle.update(HTML(html))


class Progress:
    """Counts work done: ``advance`` after each piece, ``note`` for a line that stays; made by ``progress``."""

    def __init__(
        self,
        title: str,
        total: int,
        stream: TextIO,
        every_s: float = 10.0,
        done: int = 0,
        limit: float | None = None,
        quiet: bool = False,
    ) -> None:
        """Show the bar, if the stream is a terminal; the arguments are those of ``progress``.

        ``every_s`` is the time between two plain lines, in seconds.
        """
        self._limit, self._quiet = limit, quiet
        self._title, self._total, self._stream, self._every = title, total, stream, every_s
        self._done = self._first = done
        self._start = self._last = time.monotonic()
        self._bar = None
        self._page = None if quiet or stream.isatty() else _notebook_page()
        if stream.isatty() and not quiet:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
            from rich.progress import Progress as RichProgress

            self._bar = RichProgress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn("ETA {task.fields[left]}"),
                TextColumn("{task.fields[detail]}"),
                console=Console(file=stream),
            )
            self._bar.start()
            self._id = self._bar.add_task(title, total=total, completed=done, detail="", left="-:--:--")

    def advance(self, count: int = 1, detail: str = "") -> None:
        """``count`` more pieces are done; ``detail`` is shown beside the bar (a loss, a file name)."""
        self._done += count
        if self._bar is not None:
            left = str(timedelta(seconds=round(self.seconds_left())))
            self._bar.update(self._id, completed=self._done, detail=detail, left=left)
            return
        now = time.monotonic()
        if self._page is not None:
            if now - self._last >= _REDRAW or self._done >= self._total:
                self._last = now
                self._draw(detail)
            return
        if now - self._last >= self._every:
            self._last = now
            left = f"{self.seconds_left():.0f} s left"
            self.note(f"{self._title}: {self._done}/{self._total}, {left}{', ' + detail if detail else ''}")

    def _draw(self, detail: str) -> None:
        """The bar of a notebook, in place of the one before."""
        assert self._page is not None
        left = timedelta(seconds=round(self.seconds_left()))
        said = f"{self._title}: {self._done}/{self._total}, {left} left{', ' + detail if detail else ''}"
        bar = f'<progress value="{self._done}" max="{max(self._total, 1)}" style="width:20em"></progress>'
        self._page(f"{bar} {escape(said)}")

    def seconds_left(self) -> float:
        """Seconds that the rest will take at the mean pace so far, and no more than the limit leaves."""
        passed = time.monotonic() - self._start
        rate = (self._done - self._first) / max(passed, 1e-9)
        left = (self._total - self._done) / rate if rate > 0 else 0.0
        return left if self._limit is None else max(min(left, self._limit - passed), 0.0)

    def note(self, line: str) -> None:
        """A line that stays on the screen."""
        if self._quiet:
            return
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
def progress(
    title: str,
    total: int,
    stream: TextIO | None = None,
    done: int = 0,
    limit: float | None = None,
    quiet: bool = False,
) -> Iterator[Progress]:
    """Show progress for the time of a block.

    Example: ``with progress("search", 1000) as bar: bar.advance()``.

    Args:
        title: What is being done.
        total: How many pieces of work there are.
        stream: Where to write; None is standard error.
        done: Pieces that an earlier session did.
        limit: Seconds after which the work ends at the latest; None for no limit.
        quiet: Say nothing at all.

    Yields:
        The counter.
    """
    bar = Progress(title, total, stream or sys.stderr, done=done, limit=limit, quiet=quiet)
    try:
        yield bar
    finally:
        bar.close()
