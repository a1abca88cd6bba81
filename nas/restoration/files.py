"""Files and folders restored one after the other: what fails is named, the others are done all the same."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from torch import nn

from nas.errors import FULL, NasError
from nas.images.pictures import Picture, picture_info, read_picture, write_picture
from nas.profiling.memory import is_out_of_memory
from nas.progress import Progress
from nas.progress import progress as progress_bar
from nas.restoration.jobs import Job, Jobs, find_jobs
from nas.restoration.options import RestorationOptions
from nas.restoration.restorer import Restorer
from nas.restoration.video import check_pyav, restore_video
from nas.signals import listening, stop_if_asked

#: what to tell whoever interrupted
INTERRUPTED = "interrupted; the same command continues where it stopped"
#: failures that are named in the last sentence
_SHOWN = 8


@dataclass
class Restored:
    """What became of the inputs.

    Attributes:
        written: The results, in the order in which they were made.
        kept: Results that were there already.
        failures: A sentence for each input that could not be restored.
        notes: What else is good to know, a sentence each.
        seconds: The time that restoring took, with reading and writing.
    """

    written: list[Path] = field(default_factory=list)
    kept: list[Path] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def pace(self) -> float:
        """Files a second."""
        return len(self.written) / self.seconds if self.seconds else 0.0


def restore_files(
    model: nn.Module,
    inputs: Sequence[str | Path],
    out: str | Path,
    options: RestorationOptions | None = None,
    progress: bool | TextIO = False,
) -> Restored:
    """Restore files and all images of folders, and write them into a folder.

    Args:
        model: A network with a descriptor.
        inputs: Image and video files, and folders of images.
        out: Folder of the results, named like the inputs; the structure of folders is kept.
        options: How.
        progress: True shows a bar on standard error; a stream takes its place.

    Returns:
        What was written, what was there already, and what failed.

    Raises:
        UsageError: Before any work: an input is not there, or a result would replace an input or another result.
        NasError: The disk is full, so that no others could be written.
        Interrupted: Ctrl-C; what was written is whole, and is not done again.
    """
    options = options or RestorationOptions()
    jobs = find_jobs(inputs, out, options.format, options.overwrite)
    done = Restored(kept=[job.target for job in jobs.finished], notes=jobs.notes)
    if not jobs.wanted:
        return done
    if any(job.video for job in jobs.wanted):
        check_pyav()
    restorer, start = Restorer(model, options), time.monotonic()
    files = "1 file" if len(jobs.wanted) == 1 else f"{len(jobs.wanted)} files"
    opening = f"restore {files} by {restorer.descriptor.name}, scale {restorer.descriptor.scale}"
    stream = progress if not isinstance(progress, bool) else None
    with (
        progress_bar("restore", len(jobs.wanted), stream, quiet=progress is False) as bar,
        listening(lambda: INTERRUPTED, at_once=False),
    ):
        bar.note(f"{opening}; on {restorer.options.device}; into {out}")
        work = _Work(restorer, bar, done, start)
        for group in _groups(jobs, options.batch):
            stop_if_asked()
            work.do(group)
    done.seconds = time.monotonic() - start
    return done


def _groups(jobs: Jobs, batch: int) -> Iterator[list[Job]]:
    """Up to ``batch`` jobs of equal size and kind; those whose header cannot be read, and videos, alone."""
    if batch == 1:
        yield from ([job] for job in jobs.wanted)
        return
    alike: dict[object, list[Job]] = {}
    for job in jobs.wanted:
        alike.setdefault(_kind(job), []).append(job)
    for group in alike.values():
        for start in range(0, len(group), batch):
            yield group[start : start + batch]


def _kind(job: Job) -> object:
    if job.video:
        return job
    try:
        info = picture_info(job.source)
    except NasError:
        return job
    return info.height, info.width, info.channels, info.bits


@dataclass
class _Work:
    restorer: Restorer
    bar: Progress
    done: Restored
    start: float

    def do(self, group: Sequence[Job]) -> None:
        """Restore jobs of one kind and write their results."""
        if group[0].video:
            self._video(group[0])
            return
        read = [(job, picture) for job in group if (picture := self._read(job)) is not None]
        for job, picture in self._restored(read):
            options = self.restorer.options
            try:
                write_picture(job.target, picture, options.quality)
            except NasError as error:
                if is_full(error):  # for all others too
                    raise self._full(error) from error
                self._fail(job, error)
                continue
            self._count(job)

    def _read(self, job: Job) -> Picture | None:
        try:
            return read_picture(job.source)
        except (NasError, OSError, MemoryError) as error:
            self._fail(job, error)
            return None

    def _restored(self, read: Sequence[tuple[Job, Picture]]) -> Iterator[tuple[Job, Picture]]:
        """The results; where several at once fail, each is tried alone."""
        if not read:
            return
        try:
            results = self.restorer.pictures([picture for _, picture in read])
        except Exception as error:  # whatever a network does, the other images are worth having
            if len(read) > 1:
                for one in read:
                    yield from self._restored([one])
            else:
                self._fail(read[0][0], error)
            return
        yield from zip((job for job, _ in read), results, strict=True)

    def _video(self, job: Job) -> None:
        try:
            restore_video(self.restorer, job.source, job.target, lambda words: self.bar.advance(0, words))
        except Exception as error:
            if is_full(error):
                raise self._full(error) from error
            self._fail(job, error)
            return
        self._count(job)

    def _full(self, error: Exception) -> NasError:
        return NasError(f"{error}; results so far: {len(self.done.written)}, and the same command continues after them")

    def _count(self, job: Job) -> None:
        self.done.written.append(job.target)
        pace = len(self.done.written) / max(time.monotonic() - self.start, 1e-9)
        self.bar.advance(1, f"{pace:.2f} images/s, {job.source.name}")

    def _fail(self, job: Job, error: BaseException) -> None:
        told = str(error) if isinstance(error, NasError) else f"{type(error).__name__}: {' '.join(str(error).split())}"
        if is_out_of_memory(error):
            told = "out of memory even in small tiles; free some, or give --tile 32 and a smaller --overlap"
        sentence = told if repr(str(job.source)) in told else f"{str(job.source)!r}: {told}"
        self.done.failures.append(sentence)
        self.bar.note(f"skipped: {sentence}")
        self.bar.advance(1)


def is_full(error: BaseException) -> bool:
    """Whether an error says that a device or a quota is full."""
    cause = error.__cause__
    return (isinstance(cause, OSError) and cause.errno in FULL) or "no space left" in str(error).lower()


def failed(done: Restored) -> NasError | None:
    """The error with which a command ends when some inputs could not be restored; None when all could."""
    if not done.failures:
        return None
    shown = "; ".join(done.failures[:_SHOWN])
    more = f"; and {len(done.failures) - _SHOWN} more" if len(done.failures) > _SHOWN else ""
    total = len(done.written) + len(done.failures)
    return NasError(f"{len(done.failures)} of {total} files could not be restored: {shown}{more}")
