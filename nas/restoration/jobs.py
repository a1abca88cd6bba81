"""What is to be restored and where each result goes: decided, and refused, before any work."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nas.data.walk import walk
from nas.errors import UsageError
from nas.files import resolved
from nas.names import component, inside

#: endings of the files that are taken for videos
VIDEOS = frozenset({".mp4", ".mkv", ".mov", ".avi", ".webm", ".m4v"})
#: endings of videos whose container is kept; all others become .mkv, which takes every codec
_KEPT = (".mp4", ".mkv", ".mov")


@dataclass(frozen=True)
class Job:
    """One file and where its result goes.

    Attributes:
        source: The file.
        target: The result.
        video: Whether it is a video.
    """

    source: Path
    target: Path
    video: bool = False


@dataclass
class Jobs:
    """What ``find_jobs`` found.

    Attributes:
        wanted: In the order of the inputs, those of a folder sorted by path.
        finished: Those whose result is there already, and is kept.
        notes: What else lies in the folders and is not restored, a sentence each.
    """

    wanted: list[Job] = field(default_factory=list)
    finished: list[Job] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def find_jobs(inputs: Sequence[str | Path], out: str | Path, format: str = "png", overwrite: bool = False) -> Jobs:
    """Find the files to restore.

    Args:
        inputs: Files, and folders that are searched for images, whose structure is kept.
        out: Folder of the results; images that lie in it are no inputs.
        format: Ending of restored images, without a dot.
        overwrite: Restore also what is there already.

    Raises:
        UsageError: An input is not there, a folder holds no image, two inputs would become one file, a result would
            replace an input, or ``out`` is a file.
    """
    out, jobs = Path(out), Jobs()
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out {str(out)!r} is a file; name a folder, in which the results keep their own names")
    found: list[Job] = []
    for name in inputs:
        path = Path(name)
        if path.is_dir():
            found += _of_folder(path, out, format, jobs)
        elif path.exists():
            found.append(_job(path, path.name, out, format))
        else:
            raise UsageError(f"{str(path)!r} does not exist; give image files or folders")
    _check(found)
    for job in found:
        (jobs.finished if job.target.is_file() and not overwrite else jobs.wanted).append(job)
    return jobs


def _of_folder(folder: Path, out: Path, format: str, jobs: Jobs) -> list[Job]:
    tree, results = walk(folder), resolved(out)
    own = resolved(folder) == results
    images = [file for file in tree.images if own or results not in resolved(file).parents]
    if not images:
        raise UsageError(
            f"folder {str(folder)!r} contains no images{_left(tree.left_out())}; give files or folders of images"
        )
    if tree.others:
        jobs.notes.append(f"{str(folder)!r} also holds {tree.left_out()}, left out; name videos to restore them")
    jobs.notes += [f"{str(file)!r} cannot be read and is left out" for file in tree.locked]
    jobs.notes += [f"{str(file)!r} is a link that leads nowhere, left out" for file in tree.broken]
    return [_job(file, file.relative_to(folder).as_posix(), out, format) for file in images]


def _left(words: str) -> str:
    return f" (but {words})" if words else ""


def _job(file: Path, name: str, out: Path, format: str) -> Job:
    *folders, last = name.split("/")
    video = file.suffix.lower() in VIDEOS
    suffix = f".{format}" if not video else file.suffix.lower() if file.suffix.lower() in _KEPT else ".mkv"
    return Job(file, inside(out, *folders) / (component(Path(last).stem) + suffix), video)


def _check(jobs: Iterable[Job]) -> None:
    """Raise UsageError where a result would replace an input or the result of another."""
    jobs = list(jobs)
    sources = {resolved(job.source) for job in jobs}
    taken: dict[Path, Path] = {}
    for job in jobs:
        target = resolved(job.target)
        if target in sources:
            raise UsageError(
                f"restoring {str(job.source)!r} would replace the input {str(job.target)!r}; choose another --out"
            )
        other = taken.setdefault(target, job.source)
        if other != job.source:
            raise UsageError(
                f"{str(other)!r} and {str(job.source)!r} would both become {str(job.target)!r}; rename one of them, or "
                "restore them into two folders"
            )
        if job.target.is_dir():
            raise UsageError(f"{str(job.target)!r} is a folder where a result is to go; choose another --out")
