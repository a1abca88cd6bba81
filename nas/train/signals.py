"""Ctrl-C and SIGTERM while a loop runs: the step at hand is finished and a state is saved before the end."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from nas.errors import Interrupted

#: what people send (Ctrl-C), and what clusters and torchrun send some seconds before they kill
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Listener:
    """``received``: the number of the signal that asked for the end, 0 while none did."""

    def __init__(self, at_once: bool, where: Callable[[], str]) -> None:
        self.received = 0
        self._at_once, self._where = at_once, where

    def hear(self, number: int, frame: FrameType | None) -> None:
        """Note the first signal; a second one, or the first where steps are long, ends the work there and then."""
        again = self.received != 0
        self.received = number
        if again or self._at_once:
            raise self.interruption()

    def interruption(self) -> Interrupted:
        """What to raise when the state is safe. A rank that was sent nothing itself was ended by another's SIGTERM."""
        return Interrupted(self._where(), self.received or signal.SIGTERM)


@contextmanager
def listening(at_once: bool, where: Callable[[], str]) -> Iterator[Listener]:
    """Hear signals instead of dying of them, for as long as the context lasts.

    at_once: raise where the work stands (nothing but the step at hand would be lost). where: what to tell the
    user then. A signal that the caller ignores (nohup) stays ignored; outside the main thread nothing is changed.
    """
    listener = Listener(at_once, where)
    before: dict[signal.Signals, Any] = {}
    try:
        for number in SIGNALS:
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                before[number] = signal.signal(number, listener.hear)
    except ValueError:  # not in the main thread: then signals are somebody else's
        pass
    try:
        yield listener
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def terminating() -> Iterator[None]:
    """SIGTERM ends this process as Ctrl-C does: cleanly. (Only the main thread may set this; elsewhere nothing.)"""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    try:
        earlier = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, earlier)


@contextmanager
def interrupted_as_whole(folder: Path) -> Iterator[None]:
    """Ctrl-C and a polite kill end a part in order, with a message that names the campaign, not the part."""

    def interrupt(number: int, frame: Any) -> None:
        raise Interrupted("", number)

    before: Any = None
    with suppress(ValueError):  # not in the main thread: then signals are somebody else's
        before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    except KeyboardInterrupt as ended:
        number = getattr(ended, "exit_code", 128 + signal.SIGINT) - 128
        raise Interrupted(f"interrupted; continue with 'nas search --resume {folder}'", number) from ended
    finally:
        if before is not None:
            signal.signal(signal.SIGTERM, before)
