"""How work ends early: wrong use, failure, interruption; and the search for the name that was meant."""

from __future__ import annotations

import difflib
import errno
import os
from collections.abc import Iterable

#: letters of a message beyond which nobody reads it
LONGEST_MESSAGE = 2000


class NasError(Exception):
    """The work failed. The message is one sentence: what is wrong, where, and how to mend it.

    Attributes:
        exit_code: Exit status of the command line, 1.
    """

    exit_code = 1

    def __init__(self, message: str = "") -> None:
        """Say what is wrong; of a message that repeats an enormous input the middle is left out."""
        if len(message) > LONGEST_MESSAGE:
            half = LONGEST_MESSAGE // 2
            message = f"{message[:half]} … {message[-half:]}"
        super().__init__(message)


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


#: error numbers that say that a device or a quota is full
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
#: error number -> what is wrong with a path that was asked for, and the mend
_WRONG_PATHS = {
    errno.ENAMETOOLONG: "is longer than a file system allows; choose a shorter name",
    errno.ENOENT: "does not exist; check how it is written, and that its folder is there",
    errno.ENOTDIR: "cannot be: a part of it is a file, not a folder; choose another path",
    errno.EISDIR: "is a folder where a file is wanted; name a file",
    errno.EEXIST: "is there already, and not as what is wanted here; choose another path",
    errno.ENOTEMPTY: "is a folder that is not empty; choose another path",
    errno.ELOOP: "is a symbolic link that leads back to itself; repair or remove it",
    errno.EINVAL: "is no name that this file system takes; choose another",
    errno.ENXIO: "is no regular file; name one",
}
#: error number -> what went wrong with a path although it is a good one
_FAILED_PATHS = {
    errno.EACCES: "may not be read or written; change its permissions",
    errno.EPERM: "may not be read or written; change its permissions",
    errno.EROFS: "lies on a file system that cannot be written to; choose another folder",
    errno.EIO: "could not be read or written: the device reports an error; check it, or choose another folder",
    errno.EMFILE: "could not be opened: too many files are open; raise the limit (ulimit -n)",
    errno.ENOSPC: "could not be written: no space is left on the device; free some",
    errno.EDQUOT: "could not be written: your disk quota is spent; free some space",
    errno.EFBIG: "could not be written: it would be larger than a file may be here (ulimit -f)",
}


def file_error(error: OSError, path: str | os.PathLike[str] | None = None) -> NasError | None:
    """A sentence for an error of the operating system that is about a file.

    Args:
        error: What Python reported.
        path: The file; None takes what the error itself names.

    Returns:
        UsageError if the path cannot be right, NasError if it failed; None if the error names no file and knows of
        none, as those of connections.
    """
    named = error.filename if path is None else path
    if named is None:
        return NasError(f"a file {_FAILED_PATHS[error.errno]}") if error.errno in FULL else None
    shown = os.fsdecode(named) if not isinstance(named, int) else str(named)
    shown = shown if len(shown) <= 200 else f"{shown[:60]}...{shown[-20:]}"
    if error.errno in _WRONG_PATHS:
        return UsageError(f"{shown!r} {_WRONG_PATHS[error.errno]}")
    words = (error.strerror or str(error) or type(error).__name__).lower()
    return NasError(f"{shown!r} {_FAILED_PATHS.get(error.errno or 0, f'could not be read or written: {words}')}")
