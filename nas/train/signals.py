"""Ctrl-C and SIGTERM while work is under way: it ends in order, and a message says how to continue."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from nas.errors import Interrupted

#: what people send (Ctrl-C), and what clusters and torchrun send some seconds before they kill
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Listener:
    """What has been heard.

    Attributes:
        received: The number of the signal that asked for the end, 0 while none did.
    """

    def __init__(self, at_once: bool, where: Callable[[], str]) -> None:
        self.received = 0
        self._at_once, self._where = at_once, where

    def hear(self, number: int, frame: FrameType | None) -> None:
        """The handler: note the first signal, or raise at once; a second signal always raises.

        Raises:
            Interrupted: The work is to end where it stands.
        """
        again = self.received != 0
        self.received = number
        if again or self._at_once:
            raise self.interruption()

    def interruption(self) -> Interrupted:
        """What to raise when the work is safe. A rank that was sent nothing itself was ended by another's SIGTERM."""
        return Interrupted(self._where(), self.received or signal.SIGTERM)


@contextmanager
def listening(where: Callable[[], str], at_once: bool = True) -> Iterator[Listener]:
    """Hear SIGINT and SIGTERM instead of dying of them, for as long as the block lasts.

    A signal that the caller ignores (nohup) stays ignored; outside the main thread nothing is changed. Blocks may be
    nested: the innermost one hears the signal, and the message is that of the outermost.

    Args:
        where: What to tell the user: where the work was interrupted and how to continue it.
        at_once: Raise where the work stands. Otherwise the first signal is only noted, for the block to look at
            between two steps, and a second one raises.

    Yields:
        What has been heard.

    Raises:
        Interrupted: With the words of ``where``, for every interruption that leaves the block, whoever raised it.
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
    except KeyboardInterrupt as ended:  # Interrupted, or Ctrl-C in a thread or library that listens to nobody
        heard = ended.exit_code - 128 if isinstance(ended, Interrupted) else int(signal.SIGINT)
        raise Interrupted(where(), heard) from ended
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
