"""Decoded and degraded images on disk as memory-mapped arrays, for sets larger than memory."""

from __future__ import annotations

import hashlib
import json
import math
import mmap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nas.data.pairs import Pair
from nas.documents import read_text
from nas.errors import NasError, UsageError
from nas.files import file_digest, remove_partial_files, replacing, resolved, write_text
from nas.tasks.task import Task

Array = NDArray[Any]

#: seconds after which a file that a process was writing counts as left by a dead one
ABANDONED = 3600.0
_VERSION = 2  # raise when a degradation changes, so that old entries are not found any more


@dataclass(frozen=True)
class MappedArray:
    """Where an array lies in a file.

    It is mapped anew at each ``open``: a mapping that is kept keeps its file open, and a set has more images than a
    process may have open files.

    Attributes:
        file: The file.
        dtype: Type of the values.
        shape: Shape of the array.
        offset: Where it begins, in bytes.
    """

    file: Path
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    offset: int

    def open(self) -> Array:
        """The array, memory-mapped, read-only."""
        with self.file.open("rb") as stream:  # numpy's own memmap takes four times as long
            mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        return np.frombuffer(mapped, self.dtype, math.prod(self.shape), self.offset).reshape(self.shape)


@dataclass(frozen=True)
class MappedPair:
    """A verified entry of the cache.

    Attributes:
        clean: The clean image.
        degraded: The degraded one; None where it equals the clean one.
    """

    clean: MappedArray
    degraded: MappedArray | None

    def open(self) -> tuple[Array, Array | None]:
        """Clean and degraded image, memory-mapped, read-only."""
        return self.clean.open(), None if self.degraded is None else self.degraded.open()


class DiskCache:
    """A folder of ``.npy`` arrays with their checksums: an entry for each (image files, their size and time, task).

    An entry is verified when it is first opened; a damaged one is made again.

    Attributes:
        folder: Where the entries lie.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._swept = False  # whether what killed processes left was deleted

    def pair(self, pair: Pair, task: Task, make: Callable[[], tuple[Array, Array | None]]) -> MappedPair:
        """Where clean and degraded image of a pair lie.

        Args:
            pair: The pair.
            task: For which it is degraded.
            make: Called for the two images when there is no entry, or a damaged one.

        Raises:
            UsageError: The cache is, or lies above, a folder of the images: sources are never written to.
            NasError: The folder does not keep what is written to it.
        """
        own = resolved(self.folder)
        for file in (pair.target, pair.degraded):
            if file is not None and own in resolved(file).parents:
                raise UsageError(
                    f"cache folder {str(self.folder)!r} is, or lies above, a folder of the images; choose another"
                )
        key = self._key(pair, task)
        found = self._open(key)
        if found is None:
            self._store(key, make())
            found = self._open(key)
        if found is None:
            raise NasError(f"the cache {str(self.folder)!r} does not keep what is written to it; choose another folder")
        return found

    def _key(self, pair: Pair, task: Task) -> str:
        parts: list[object] = [_VERSION, task.name, pair.halves, pair.degradation]
        for file in (pair.target, pair.degraded, pair.depth):
            if file is not None:
                stat = file.stat()
                parts += [str(resolved(file)), stat.st_size, stat.st_mtime_ns]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]

    def _open(self, key: str) -> MappedPair | None:
        note = self.folder / f"{key}.json"
        try:
            sums = json.loads(read_text(note))
            arrays: list[MappedArray | None] = []
            for side in ("clean", "degraded"):
                file = self.folder / f"{key}.{side}.npy"
                if sums[side] is None:
                    arrays.append(None)
                    continue
                if file_digest(file) != sums[side]:
                    return None
                arrays.append(_located(file))
        except (UsageError, FileNotFoundError, ValueError, KeyError, TypeError):
            return None
        clean, degraded = arrays
        return None if clean is None else MappedPair(clean, degraded)

    def _store(self, key: str, images: tuple[Array, Array | None]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self._swept:  # other machines may fill the same cache
            remove_partial_files(self.folder, older=ABANDONED)
            self._swept = True
        sums: dict[str, str | None] = {}
        for side, image in zip(("clean", "degraded"), images, strict=True):
            sums[side] = None
            if image is not None:
                with replacing(self.folder / f"{key}.{side}.npy") as partial:
                    np.save(partial, image, allow_pickle=False)
                    sums[side] = file_digest(partial)
        write_text(self.folder / f"{key}.json", json.dumps(sums))  # last: an entry exists only when its arrays do


def _located(file: Path) -> MappedArray:
    array = np.load(file, mmap_mode="r", allow_pickle=False)
    if not isinstance(array, np.memmap) or (array.flags["F_CONTIGUOUS"] and not array.flags["C_CONTIGUOUS"]):
        raise ValueError(f"{file} holds no array in the order of its rows")
    return MappedArray(file, array.dtype, array.shape, array.offset)
