"""The images of a run by name and content, so that a resumed run finds its own split again."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nas.data import Pair
from nas.errors import UsageError
from nas.files import resolved

#: files that are read at a time: reading waits for the disk, and hashing leaves the interpreter free
READERS = 4
#: how many names a sentence lists
SHOWN = 4


@dataclass(frozen=True)
class FileRecord:
    """A file as it was.

    Attributes:
        path: Its absolute path.
        size: In bytes.
        time: Of its last change, in nanoseconds since 1970.
        digest: The first 16 hex digits of SHA-256 of its bytes; "" where it is not known.
    """

    path: str
    size: int
    time: int
    digest: str


@dataclass(frozen=True)
class ImageRecord:
    """An image as it was.

    Attributes:
        name: Its name in its set.
        degradation: See ``Pair``.
        files: Its files: clean, degraded, depth map, as far as it has them; () in records without digests.
    """

    name: str
    degradation: str = ""
    files: tuple[FileRecord, ...] = ()

    @property
    def digests(self) -> tuple[str, ...]:
        """Of its files."""
        return tuple(f.digest for f in self.files)

    def to_json(self) -> list[Any]:
        """Name, degradation, and each file as path, size, time and digest."""
        return [self.name, self.degradation, *([f.path, f.size, f.time, f.digest] for f in self.files)]

    @classmethod
    def from_json(cls, content: Sequence[Any]) -> ImageRecord:
        """Inverse of ``to_json``."""
        files = (FileRecord(str(p), int(s), int(t), str(d)) for p, s, t, d in content[2:])
        return cls(str(content[0]), str(content[1]), tuple(files))


@dataclass(frozen=True)
class Found:
    """The images of a run as they are found now.

    Attributes:
        parts: Name of a part -> its pairs, in the recorded order and under the recorded names.
        images: The record of these.
        changed: Names of images whose content is another one now.
        missing: Names of images that are not there.
        renamed: Old and new name of images with the same content.
        added: Names of images that the run does not know.
    """

    parts: dict[str, list[Pair]]
    images: dict[str, list[ImageRecord]]
    changed: list[str]
    missing: list[str]
    renamed: list[tuple[str, str]]
    added: list[str]

    def differences(self) -> list[str]:
        """What keeps the run from going on as it was, a clause for each kind."""
        found = []
        if self.changed:
            found.append(f"{_count(self.changed, 'has', 'have')} changed ({_names(self.changed)})")
        if self.missing:
            found.append(f"{_count(self.missing, 'is', 'are')} missing ({_names(self.missing)})")
        return found

    def notes(self) -> list[str]:
        """What is worth a sentence but changes nothing."""
        found = []
        if self.added:
            found.append(
                f"{_count(self.added, 'was', 'were')} added since the run began ({_names(self.added)}); the split "
                "stays as it was recorded"
            )
        if self.renamed:
            shown = _names([f"{a} is now {b}" for a, b in self.renamed])
            found.append(f"{_count(self.renamed, 'was', 'were')} renamed, which changes nothing ({shown})")
        return found


def record_images(parts: Mapping[str, Iterable[Pair]]) -> dict[str, list[ImageRecord]]:
    """Read every file of the images once and record its digest.

    Args:
        parts: Name of a part -> its pairs.
    """
    lists = {part: list(pairs) for part, pairs in parts.items()}
    digests = digests_of({f for pairs in lists.values() for p in pairs for f in files_of(p)})
    return {part: [_record(p, digests) for p in pairs] for part, pairs in lists.items()}


def find_recorded(found: Sequence[Pair], recorded: Mapping[str, Sequence[ImageRecord]]) -> Found:
    """Find the images of a record among those that are there now.

    By name and content; then by content alone (renamed), then by name alone (changed). A file whose path, size and
    time are the recorded ones is not read again.

    Args:
        found: All images that are there.
        recorded: Name of a part -> its images.
    """
    search = _Search(list(found), {part: list(images) for part, images in recorded.items()})
    return search.result()


class _Search:
    def __init__(self, found: list[Pair], recorded: dict[str, list[ImageRecord]]) -> None:
        self.found, self.recorded = found, recorded
        self.known = {f.path: f for images in recorded.values() for image in images for f in image.files}
        self.records: dict[Path, FileRecord] = {}
        self.left = list(range(len(found)))
        self.taken: dict[tuple[str, int], int] = {}  # (part, position) -> index of the pair
        self.changed: list[str] = []
        self.renamed: list[tuple[str, str]] = []

    def result(self) -> Found:
        untouched = {f for p in self.found for f in files_of(p) if self._untouched(f)}
        self.records = {f: self.known[_absolute(f)] for f in untouched}
        self._match(lambda image, pair: image.name == pair.name and self._same(image, pair))
        if self._open():
            unread = {f for i in self.left for f in files_of(self.found[i])} - untouched
            if any(image.files for _, _, image in self._open()):
                self.records |= digests_of(unread)
            self._match(lambda image, pair: image.name == pair.name and self._same(image, pair))
            self._match(self._same, self._rename)
            self._match(lambda image, pair: image.name == pair.name, self._change)
        return self._collect()

    def _untouched(self, file: Path) -> bool:
        known = self.known.get(_absolute(file))
        if known is None or not known.digest:
            return False
        now = _stat(file)
        return now is not None and now == (known.size, known.time)

    def _open(self) -> list[tuple[str, int, ImageRecord]]:
        return [
            (part, i, image)
            for part, images in self.recorded.items()
            for i, image in enumerate(images)
            if (part, i) not in self.taken
        ]

    def _key(self, pair: Pair) -> tuple[str, ...] | None:
        files = [self.records.get(f) for f in files_of(pair)]
        return tuple(f.digest for f in files if f is not None) if all(f is not None for f in files) else None

    def _same(self, image: ImageRecord, pair: Pair) -> bool:
        if not image.files:  # a record of an older version, which knew names alone
            return image.name == pair.name
        return image.degradation == pair.degradation and image.digests == self._key(pair)

    def _match(self, fits: Any, note: Any = None) -> None:
        by_name, by_content = defaultdict(list), defaultdict(list)
        for index in self.left:
            pair = self.found[index]
            by_name[pair.name].append(index)
            by_content[self._key(pair)].append(index)
        free = set(self.left)
        for part, position, image in self._open():
            near = [*by_name[image.name], *(by_content[image.digests] if image.files else ())]
            chosen = next((i for i in near if i in free and fits(image, self.found[i])), None)
            if chosen is None:
                continue
            free.discard(chosen)
            self.taken[part, position] = chosen
            if note is not None:
                note(image, self.found[chosen])
        self.left = [i for i in self.left if i in free]

    def _rename(self, image: ImageRecord, pair: Pair) -> None:
        self.renamed.append((image.name, pair.name))

    def _change(self, image: ImageRecord, pair: Pair) -> None:
        if image.files:
            self.changed.append(image.name)

    def _collect(self) -> Found:
        parts: dict[str, list[Pair]] = {}
        images: dict[str, list[ImageRecord]] = {}
        missing = [image.name for _, _, image in self._open()]
        used = {f for i in self.taken.values() for f in files_of(self.found[i])}
        self.records |= digests_of(used - set(self.records))
        for part, recorded in self.recorded.items():
            here = [(i, image) for i, image in enumerate(recorded) if (part, i) in self.taken]
            parts[part] = [replace(self.found[self.taken[part, i]], name=image.name) for i, image in here]
            images[part] = [_record(pair, self.records) for pair in parts[part]]
        added = [self.found[i].name for i in self.left]
        return Found(parts, images, self.changed, missing, self.renamed, added)


def files_of(pair: Pair) -> list[Path]:
    """The files of a pair: clean, degraded, depth map, as far as it has them."""
    return [f for f in (pair.target, pair.degraded, pair.depth) if f is not None]


def digests_of(files: Iterable[Path]) -> dict[Path, FileRecord]:
    """Read files and record what they are.

    Raises:
        UsageError: A file cannot be read.
    """
    wanted = sorted(set(files))
    with ThreadPoolExecutor(READERS) as pool:
        return dict(zip(wanted, pool.map(_read, wanted), strict=True))


def _read(file: Path) -> FileRecord:
    try:
        with file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()[:16]
            now = os.fstat(stream.fileno())
    except OSError as error:
        raise UsageError(f"cannot read image {str(file)!r} ({error.strerror}); repair or remove it") from None
    return FileRecord(_absolute(file), now.st_size, now.st_mtime_ns, digest)


def _record(pair: Pair, digests: Mapping[Path, FileRecord]) -> ImageRecord:
    files = tuple(replace(digests[f], path=_absolute(f)) for f in files_of(pair))
    return ImageRecord(pair.name, pair.degradation, files)


def _stat(file: Path) -> tuple[int, int] | None:
    try:
        now = file.stat()
    except OSError:
        return None
    return now.st_size, now.st_mtime_ns


def _absolute(file: Path) -> str:
    return str(resolved(file))


def _count(names: Sequence[object], one: str, more: str) -> str:
    return f"1 image {one}" if len(names) == 1 else f"{len(names)} images {more}"


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
