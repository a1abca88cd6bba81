"""How work ends early: wrong use, failure, interruption; and the search for the name that was meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class NasError(Exception):
    """The work failed. The message is one sentence: what is wrong, where, and how to mend it.

    Attributes:
        exit_code: Exit status of the command line, 1.
    """

    exit_code = 1


class UsageError(NasError):
    """The request itself was wrong (exit status 2): an unknown name, a bad option, a malformed document."""

    exit_code = 2


class Interrupted(KeyboardInterrupt):
    """Ctrl-C or SIGTERM ended the work. The message says where, and how to continue.

    Not an ``Exception``: nothing that deals with failures may take it for one.

    Attributes:
        exit_code: 128 and the number of the signal: 130 or 143.
    """

    def __init__(self, message: str, signal: int = 2) -> None:
        """Say what the user is to be told, and which signal it was (2 is SIGINT)."""
        super().__init__(message)
        self.exit_code = 128 + signal


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The clause that helps after an unknown name.

    Args:
        name: What was typed.
        known: What could have been meant.

    Returns:
        Words to follow a semicolon: the nearest name (``did you mean 'sr_x2'?``), or all of them where none is near.
    """
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    return "known: " + (", ".join(names) if names else "none")
