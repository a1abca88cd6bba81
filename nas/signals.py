"""Ctrl-C and SIGTERM while work is under way: it ends in order, and a message says how to continue.

A handler that raises may do so inside a library that holds a lock, and whoever waits for that lock then waits for
ever. So where something can be lost, the handler only notes the signal, and the work looks at the note where it can
stop: a loop between two steps, all that it calls (trials, images, tiles) by ``stop_if_asked``.
"""

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
        insists: Whether the work was to end where it stood, and not only when it next looks.
    """

    def __init__(self, at_once: bool, where: Callable[[], str], received: int = 0) -> None:
        self.received = received
        self._at_once, self._where = at_once, where
        self._shields = 0
        self.insists = False

    def hear(self, number: int, frame: FrameType | None) -> None:
        """The handler: note the first signal, or raise at once; a second signal raises, outside of ``shielded``.

        Raises:
            Interrupted: The work is to end where it stands.
        """
        again = self.received != 0
        self.received = number
        if again or self._at_once:
            self.insists = True
            self._raise_unless_shielded()

    @contextmanager
    def shielded(self) -> Iterator[None]:
        """Nothing is raised inside the block, which must be short: at its end at the earliest."""
        self._shields += 1
        try:
            yield
        finally:
            self._shields -= 1
        if self.insists:
            self._raise_unless_shielded()

    def interruption(self) -> Interrupted:
        """What to raise when the work is safe. A rank that was sent nothing itself was ended by another's SIGTERM."""
        return Interrupted(self._where(), self.received or signal.SIGTERM)

    def _raise_unless_shielded(self) -> None:
        if not self._shields:
            raise self.interruption()


def ignore_from_now_on() -> None:
    """For a process whose work is over: a signal that comes while Python ends has nothing left to interrupt."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def stop_if_asked() -> None:
    """Raise if a signal was noted: to be called where work may end, between two steps of a trial or two images.

    Raises:
        Interrupted: The innermost ``listening`` has noted a signal.
    """
    listener = _current()
    if listener is not None and listener.received:
        raise listener.interruption()


def _current() -> Listener | None:
    """Who hears the signals now; the handlers themselves are the only memory of it."""
    for number in SIGNALS:
        listener = getattr(signal.getsignal(number), "__self__", None)
        if isinstance(listener, Listener):
            return listener
    return None


@contextmanager
def listening(where: Callable[[], str], at_once: bool = True) -> Iterator[Listener]:
    """Hear SIGINT and SIGTERM instead of dying of them, for as long as the block lasts.

    A signal that the caller ignores (nohup) stays ignored; outside the main thread nothing is changed. Blocks may be
    nested: the innermost one hears the signal, and the message is that of the outermost. What was noted before the
    block began counts as heard in it, and what it has noted itself, and not raised, is left to the outer block.

    Args:
        where: What to tell the user: where the work was interrupted and how to continue it.
        at_once: Raise where the work stands: for work that has nothing to lose. Otherwise the first signal is only
            noted, for the block to look at between two steps, and a second one raises.

    Yields:
        What has been heard.

    Raises:
        Interrupted: With the words of ``where``, for every interruption that leaves the block, whoever raised it.
    """
    outer = _current()
    listener = Listener(at_once, where, outer.received if outer is not None else 0)
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
    except Exception as error:
        if not listener.insists:
            raise
        # raised in the midst of an import, it can leave half a module behind, and surface as an error of that
        raise Interrupted(where(), listener.received) from error
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if outer is not None and before:
            outer.received = outer.received or listener.received
