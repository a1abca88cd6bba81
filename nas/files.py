"""Files that are written whole or not at all, their digests, and locks between processes that change one file."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, is_dataclass
from glob import escape
from io import FileIO
from pathlib import Path
from typing import Any

from nas.errors import FULL, NasError, file_error
from nas.machine import process_exists

#: What the name of every partial file contains; such files beside finished ones were left by a killed process.
PARTIAL = ".partial"
#: the process that writes a partial file, in its name
_WRITER = re.compile(rf"\.([0-9]{{1,9}})-[0-9a-f]{{8}}{re.escape(PARTIAL)}")
#: letters of a file's stem that the name of its partial file repeats: together they must not be too long for a name
_STEM = 64
#: words in errors of libraries that write files by themselves -> the error number that they stand for
_HIDDEN = {
    "no space left": errno.ENOSPC,
    "os error 28": errno.ENOSPC,
    "quota exceeded": errno.EDQUOT,
    "file too large": errno.EFBIG,
    "file write failed": errno.ENOSPC,
    " requested and ": errno.ENOSPC,  # numpy: so many values requested and so many written
    "unexpected pos": errno.ENOSPC,
    "input/output error": errno.EIO,
}


@contextmanager
def replacing(path: Path, *, durable: bool = False) -> Iterator[Path]:
    """A file beside ``path`` to write to; it takes the place of ``path`` when the block ends without an error.

    No reader ever sees half a file, and what stood there before stays when writing fails. Several processes may write
    the same file at once, on several machines too: each has a partial file of its own, and the last one wins.

    Args:
        path: The file to be made or replaced; its folder must exist. A symbolic link is replaced, not followed.
        durable: Wait until the content has reached the disk before the file takes its name (``fsync``), so that the
            file is whole after a power cut too.

    Yields:
        The partial file, which does not exist yet. It is hidden and keeps the ending of ``path``, by which writers
        choose a format.

    Raises:
        NasError: It could not be written (the disk is full, the folder is not there): the sentence names ``path``, and
            nothing is left of the partial file.
    """
    partial = path.with_name(f".{path.stem[:_STEM]}.{os.getpid()}-{secrets.token_hex(4)}{PARTIAL}{path.suffix}")
    try:
        yield partial
        if durable:
            with partial.open("r+b") as stream:  # Windows flushes only what is open for writing
                os.fsync(stream.fileno())
        partial.replace(path)
    except Exception as error:
        told = _write_failure(error, partial, path)
        if told is None:
            raise
        raise told from error
    finally:
        with suppress(OSError):  # what went wrong is told already
            partial.unlink(missing_ok=True)


def _write_failure(error: Exception, partial: Path, path: Path) -> NasError | None:
    """The sentence for a file that could not be written; None for any other error of whoever writes it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and (
            cause.errno in (*FULL, errno.EIO) or str(cause.filename) in (str(partial), str(path))
        ):
            return file_error(cause, path)
        cause = cause.__cause__ or cause.__context__
    # torch and safetensors write by themselves, and hide what the system said in a text
    text = str(error).lower()
    number = next((n for words, n in _HIDDEN.items() if words in text), None)
    return file_error(OSError(number, os.strerror(number)), path) if number is not None else None


def append_whole(path: Path, content: bytes) -> None:
    """Add to the end of a file, durably; all of it or, where it does not fit on the disk, nothing.

    Args:
        path: The file, which is made where there is none. Nobody else may write to it at the same time.
        content: What is added.

    Raises:
        NasError: It could not be written; the file is as it was.
    """
    try:
        with path.open("ab", buffering=0) as stream:
            write_whole(stream, content, path, durable=True)
    except OSError as error:
        raise file_error(error, path) or error from error


def write_whole(stream: FileIO, content: bytes, path: Path, *, durable: bool = False) -> None:
    """Write at the end of an open, unbuffered file; all of it or, where it does not fit on the disk, nothing.

    Args:
        stream: The file, opened for appending.
        content: What is added.
        path: What to call the file.
        durable: Wait until it has reached the disk.

    Raises:
        NasError: It could not be written; the file is as it was.
    """
    end = stream.tell()
    try:
        if stream.write(content) != len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if durable:
            os.fsync(stream.fileno())
    except OSError as error:
        with suppress(OSError):
            stream.truncate(end)
        raise file_error(error, path) or error from error


def remove_partial_files(folder: Path, *, of: Path | None = None, older: float = 0.0) -> None:
    """Delete what processes left in ``folder`` that were killed while writing; what a living one writes stays.

    Whether a process lives is known of this machine alone: a folder to which other machines write at the same time
    needs ``older``.

    Args:
        folder: The folder, which need not exist; its sub-folders are left alone.
        of: Delete only what was to become this file.
        older: Delete only what nobody has written to for so many seconds.
    """
    pattern = f"*{PARTIAL}*" if of is None else f".{escape(of.stem[:_STEM])}.*{PARTIAL}{escape(of.suffix)}"
    for left in folder.glob(pattern):
        with suppress(OSError):  # another process has swept it, or may alone
            if not _is_being_written(left) and time.time() - left.stat().st_mtime >= older:
                left.unlink()


def _is_being_written(partial: Path) -> bool:
    """Whether another living process of this machine has begun a partial file."""
    named = _WRITER.search(partial.name)
    if named is None or int(named[1]) == os.getpid():
        return False
    try:
        return process_exists(int(named[1]))
    except (OSError, OverflowError):  # when in doubt, it stays
        return True


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other processes that lock the same file out for the time of the block, waiting for those that came first.

    The lock belongs to the process and ends with it, however it ends, so there is no stale lock to remove. It works
    on network file systems too, where these lock files at all. The file that carries it, ``.NAME.lock`` beside the
    locked one, stays behind empty: whoever removed it could take it from under another process.

    Args:
        path: The file to be changed, which need not exist; its folder must.

    Raises:
        NasError: The file system knows no locks.
    """
    from filelock import FileLock

    # users who share the folder share the lock: its mode is that of the folder, without the right to search
    lock = FileLock(path.with_name(f".{path.name}.lock"), mode=path.parent.stat().st_mode & 0o666)
    try:
        lock.acquire()
    except NotImplementedError:
        raise NasError(f"the file system of {str(path.parent)!r} has no file locks; choose another folder") from None
    try:
        yield
    finally:
        lock.release()


def resolved(path: str | Path) -> Path:
    """The place that a path leads to, links followed; unlike ``Path.resolve`` it takes links that go in a circle."""
    return Path(os.path.realpath(path))


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes as 64 hex digits; the file is read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_text(path: Path, text: str, *, durable: bool = False) -> Path:
    """Write ``text`` (UTF-8, line ends as they are) atomically, see ``replacing``.

    Args:
        path: The file; its folder must exist.
        text: The whole new content.
        durable: As for ``replacing``.

    Returns:
        ``path``.
    """
    with replacing(path, durable=durable) as partial:
        partial.write_text(text, encoding="utf-8", newline="")
    return path


def write_json(path: Path, content: Any) -> Path:
    """Write ``content`` as indented JSON, atomically.

    Args:
        path: The file; its folder must exist.
        content: Plain values, mappings, sequences, paths and dataclasses, nested as deeply as needed.

    Returns:
        ``path``.
    """
    return write_text(path, json.dumps(plain(content), indent=2) + "\n")


def plain(content: Any) -> Any:
    """``content`` as JSON and YAML can hold it: dataclasses as mappings, tuples as lists, paths as text."""
    if is_dataclass(content) and not isinstance(content, type):
        return plain(asdict(content))
    if isinstance(content, Mapping):
        return {str(k): plain(v) for k, v in content.items()}
    if isinstance(content, Sequence) and not isinstance(content, str):
        return [plain(v) for v in content]
    return str(content) if isinstance(content, Path) else content
