"""What happened in a run, one JSON object a line, mirrored as TensorBoard scalars when that is installed.

``events.jsonl`` is the same whenever and wherever a run is repeated. When things happened stands beside it in
``timing.jsonl``, from which nothing is ever dropped: work that was lost and done again took its time too.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nas.documents import is_document
from nas.files import write_text, write_whole

EVENTS, TIMING = "events.jsonl", "timing.jsonl"
#: bytes of a line beyond which it is no event
LONGEST_LINE = 4 * 2**20
#: what events say of time, which goes into timing.jsonl: the log is equal wherever a run is repeated
DURATIONS = ("seconds",)
#: kinds of events whose moment is kept
TIMED = ("train", "validation", "trial", "stop")


class Events:
    """The log of a run, open for writing.

    Attributes:
        damage: A sentence on what could not be read of a log that was there; the file is kept beside the new one.
    """

    def __init__(self, folder: Path, step: int = 0, again: Collection[str] = ()) -> None:
        """Open the log at a step.

        What a log that is there says of later steps is dropped first, so that the log of an interrupted run ends up
        equal to that of an uninterrupted one.

        Args:
            folder: The run folder.
            step: Steps done so far.
            again: Kinds of events that this very step will have again, so they are dropped of it too.
        """
        path = folder / EVENTS
        self.damage = ""
        if is_document(path):
            log = read_log(path)
            self.damage = log.damage(path)
            if self.damage:  # what a person may still mend
                path.replace(path.with_name(f"{EVENTS}.damaged"))
            kept = [e for e in log.events if e["step"] < step or (e["step"] == step and e["kind"] not in again)]
            write_text(path, "".join(json.dumps(e) + "\n" for e in kept))
        self._file, self._timing = _Lines(path), _Lines(folder / TIMING)
        self._board: Any = None
        self._clock(step, "start")
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:  # the extra "track" is not installed: events.jsonl holds everything anyway
            return
        with suppress(OSError):
            self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1 if step else None)

    def write(self, step: int, kind: str, **values: Any) -> None:
        """Write one event.

        Args:
            step: Steps done so far.
            kind: What happened, e.g. "train", "validation", "trial".
            values: What belongs to it, JSON-ready. Numbers become TensorBoard scalars ``kind/name``, dictionaries of
                numbers and lists ``kind/name/part``.

        Raises:
            NasError: The log could not be written, and ends with the event before.
        """
        durations = {name: values.pop(name) for name in DURATIONS if name in values}
        self._file.write({"step": step, "kind": kind, **values})
        if kind in TIMED:
            self._clock(step, kind, **durations)
        if self._board is None:
            return
        try:
            self._mirror(step, kind, values)
        except OSError:  # the mirror is a convenience: the log holds everything
            self._board = None

    def picture(self, step: int, name: str, image: Any) -> None:
        """Show a picture in TensorBoard, under ``validation/name``; events.jsonl has none.

        Args:
            step: Steps done so far.
            name: What it shows.
            image: uint8 (H, W, 3).
        """
        if self._board is None:
            return
        try:
            self._board.add_image(f"validation/{name}", image, step, dataformats="HWC")
        except OSError:
            self._board = None

    def _mirror(self, step: int, kind: str, values: dict[str, Any]) -> None:
        for name, value in values.items():
            if isinstance(value, int | float):
                self._board.add_scalar(f"{kind}/{name}", value, step)
            elif isinstance(value, dict):
                for part, inner in value.items():
                    series = inner if isinstance(inner, list) else [inner]
                    for index, number in enumerate(series):
                        if isinstance(number, int | float):
                            label = f"{part}_{index}" if isinstance(inner, list) else part
                            self._board.add_scalar(f"{kind}/{name}/{label}", number, step)

    def _clock(self, step: int, kind: str, **durations: float) -> None:
        self._timing.write({"step": step, "kind": kind, "time": round(time.time(), 3), **durations})

    def close(self) -> None:
        """Flush and close."""
        self._file.close()
        self._timing.close()
        if self._board is not None:
            with suppress(OSError):
                self._board.close()


class _Lines:
    """A file that grows by one JSON object a line, unbuffered: a line is there as a whole or not at all."""

    def __init__(self, path: Path) -> None:
        self._path = path
        is_document(path)  # a pipe would be waited for
        self._file = path.open("ab", buffering=0)

    def write(self, content: dict[str, Any]) -> None:
        write_whole(self._file, json.dumps(content).encode() + b"\n", self._path)

    def close(self) -> None:
        self._file.close()


class NoEvents:
    """What ranks that do not write have in place of ``Events``."""

    damage = ""

    def write(self, step: int, kind: str, **values: Any) -> None:
        """Nothing."""

    def picture(self, step: int, name: str, image: Any) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


@dataclass(frozen=True)
class EventLog:
    """What could be read of a log.

    Attributes:
        events: The events, in order.
        damaged: Numbers of the lines that are none, counted from 1. A last line without an end is not among them: it
            is being written, or was when the process died.
    """

    events: list[dict[str, Any]]
    damaged: list[int]

    def damage(self, file: Path) -> str:
        """A sentence on the damaged lines; empty where there are none."""
        if not self.damaged:
            return ""
        first = ", ".join(map(str, self.damaged[:5])) + (", ..." if len(self.damaged) > 5 else "")
        lines = "1 line" if len(self.damaged) == 1 else f"{len(self.damaged)} lines"
        return f"{lines} of {str(file)!r} cannot be read and are left out (line {first}); the others are shown"


def read_events(folder: Path) -> list[dict[str, Any]]:
    """All events of a run, in order; ``read_log`` tells of lines that are damaged."""
    return read_log(folder / EVENTS).events


def read_timing(folder: Path) -> list[dict[str, Any]]:
    """When things happened in a run, in the order of time.

    Returns:
        Entries of ``step``, ``kind`` (one of TIMED, or "start" of a session), ``time`` (seconds since 1970) and, of
        some, the ``seconds`` that it took.
    """
    return [e for e in read_log(folder / TIMING).events if isinstance(e.get("time"), int | float)]


def read_log(file: Path) -> EventLog:
    """Read a log line by line.

    Args:
        file: events.jsonl or timing.jsonl of a run; one that is not there is empty.
    """
    log = EventLog([], [])
    if not file.is_file():
        return log
    with file.open("rb") as stream:
        number = 0
        while line := stream.readline(LONGEST_LINE):
            number += 1
            whole = line.endswith(b"\n")
            while not whole and len(line) == LONGEST_LINE and (rest := stream.readline(LONGEST_LINE)):
                whole = rest.endswith(b"\n")  # too long to be an event: passed over in pieces
            event = _event(line)
            if event is not None:
                log.events.append(event)
            elif whole:
                log.damaged.append(number)
    return log


def _event(line: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    step = event.get("step") if isinstance(event, dict) else None
    whole = isinstance(step, int) and not isinstance(step, bool) and isinstance(event.get("kind"), str)
    return event if whole else None
