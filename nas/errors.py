"""The ways in which a verb ends early, and the search for the name that was meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class NasError(Exception):
    """The work failed (exit code 1). The message is one sentence: what, where, and how to mend it."""

    exit_code = 1


class UsageError(NasError):
    """The request itself was wrong (exit code 2): an unknown name, a bad option, a malformed document."""

    exit_code = 2


class Interrupted(KeyboardInterrupt):
    """Ctrl-C or SIGTERM ended the work (exit code 130 or 143). The message says where and how to continue.

    Not an ``Exception``: nothing that deals with failures may take it for one.
    """

    def __init__(self, message: str, signal: int = 2) -> None:
        super().__init__(message)
        self.exit_code = 128 + signal


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The clause that helps after an unknown name: the nearest known one, else all of them.

    Returns a string to follow a semicolon, e.g. ``did you mean 'sr_x2'?``.
    """
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    return "known: " + (", ".join(names) if names else "none")
