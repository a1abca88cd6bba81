"""Tensors from files that others wrote: nothing is executed, and no size is believed that the bytes do not hold.

A file of ``torch.save`` is a zip archive of a pickle and of raw storages. The pickle can be deflated (132 KB that
unfold to gigabytes) and can describe a tensor that is larger than its storage; both are refused before they cost
anything. The header of a safetensors file claims its own length; that is compared with the file's.
"""

from __future__ import annotations

import io
import json
import pickle
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nas.errors import NasError, UsageError

#: most bytes of the part of a file that describes its tensors, some 40,000 of them: the state of a large supernet
#: stays below 1 MB, and torch takes two seconds to read this much
MOST_DESCRIPTION = 3 * 2**20
#: most reads of the older form of torch.save, where the description has no part of its own: some 12,000 tensors
MOST_READS = 800_000
#: a tensor of more dimensions is no weight of a network
MOST_DIMENSIONS = 8
#: containers nested deeper than this hold no state of ours or of a published checkpoint
MOST_DEPTH = 32
_TOO_LONG = "{path!r} describes its tensors in {size} bytes, more than any network needs; save its state dict alone"
_FOREIGN_CLASS = re.compile(r"(?:GLOBAL|class|type) (?:<class )?'?([A-Za-z_][\w.]+)'?")


def read_torch_file(path: Path) -> Any:
    """The tensors and plain values of a file of ``torch.save``, on the CPU.

    Args:
        path: The file, in the zip form or the older one.

    Raises:
        UsageError: There is no such regular file.
        NasError: It is damaged, holds more than tensors and plain values, or describes more than it holds.
    """
    if not path.is_file():
        raise UsageError(f"{str(path)!r} is no file that can be read; give the path of a checkpoint")
    check_archive(path)
    try:
        with _CountedReads(path) as stream:
            content = torch.load(stream, map_location="cpu", weights_only=True)
    except _CrowdedError:
        raise NasError(
            f"{str(path)!r} describes more tensors than any network has; save its state dict alone"
        ) from None
    except pickle.UnpicklingError as error:
        raise _refused(path, str(error)) from error
    except Exception as error:  # a damaged pickle can raise whatever its instructions run into
        if "weights_only" in str(error) or "Unsupported" in str(error):
            raise _refused(path, str(error)) from error
        raise NasError(
            f"{str(path)!r} is not a readable checkpoint ({type(error).__name__}); was it cut short? download it again"
        ) from error
    check_tensors(path, content)
    return content


class _CrowdedError(Exception):
    """A pickle of more instructions than any checkpoint needs."""


class _CountedReads(io.BufferedReader):
    """A file that ends the reading of a pickle whose instructions do not end."""

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path))
        self._left = MOST_READS

    def read(self, size: int | None = -1, /) -> bytes:
        self._left -= 1
        if self._left < 0:
            raise _CrowdedError
        return super().read(size)


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file by name, on the CPU.

    Raises:
        UsageError: There is no such regular file.
        NasError: It is damaged or its header is unreasonably large.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    check_header(path)
    try:
        return dict(load_file(str(path)))
    except (SafetensorError, OSError, ValueError, KeyError, RuntimeError) as error:
        raise NasError(f"{str(path)!r} is not a readable safetensors file ({error}); was it cut short?") from error


def read_header(path: Path) -> dict[str, str]:
    """The metadata of a safetensors file: text by key.

    Raises:
        UsageError: There is no such regular file.
        NasError: It is damaged or its header is unreasonably large.
    """
    from safetensors import SafetensorError, safe_open

    check_header(path)
    try:
        with safe_open(str(path), framework="pt") as file:
            return dict(file.metadata() or {})
    except (SafetensorError, OSError, ValueError) as error:
        raise NasError(f"{str(path)!r} is not a readable safetensors file ({error}); was it cut short?") from error


def check_header(path: Path) -> None:
    """See that the header of a safetensors file is as long as it says, and no longer than one of ours can be.

    Raises:
        UsageError: There is no such regular file.
        NasError: It is not.
    """
    if not path.is_file():
        raise UsageError(f"weights file {str(path)!r} does not exist")
    with path.open("rb") as stream:
        claimed = int.from_bytes(stream.read(8), "little")
    if claimed > max(path.stat().st_size - 8, 0):
        raise NasError(
            f"{str(path)!r} is not a readable safetensors file (its header would be {claimed} bytes long); "
            "was it cut short?"
        )
    if claimed > MOST_DESCRIPTION:
        raise NasError(_TOO_LONG.format(path=str(path), size=claimed))


def tensors_in(content: Any, name: str = "", depth: int = 0) -> Iterator[tuple[str, Tensor]]:
    """All tensors in nested mappings and sequences, with dotted names."""
    if isinstance(content, Tensor):
        yield name, content
    elif depth > MOST_DEPTH:
        return
    elif isinstance(content, Mapping):
        for key, value in content.items():
            if not isinstance(value, (str, int, float)):
                yield from tensors_in(value, f"{name}.{key}" if name else str(key), depth + 1)
    elif isinstance(content, Sequence) and not isinstance(content, (str, bytes)):
        for index, value in enumerate(content):
            if not isinstance(value, (str, int, float)):
                yield from tensors_in(value, f"{name}.{index}" if name else str(index), depth + 1)


def check_tensors(path: Path, content: Any) -> None:
    """See that all tensors in what a file held are plain arrays that its bytes filled.

    Raises:
        NasError: One is sparse, quantised, of many dimensions, or larger than its storage.
    """
    for name, tensor in tensors_in(content):
        _check_tensor(path, name, tensor)


def check_archive(path: Path) -> None:
    """See that a zip file of ``torch.save`` is stored as it is, neither packed nor overlapping.

    Raises:
        NasError: It is not, or it is empty or damaged; files that are no zip archives are let pass.
    """
    if not zipfile.is_zipfile(path):
        if path.stat().st_size == 0:
            raise NasError(f"{str(path)!r} is an empty file; download or copy it again")
        return
    try:
        with zipfile.ZipFile(path) as archive:
            records = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise NasError(f"{str(path)!r} is not a readable checkpoint ({error}); was it cut short?") from error
    size = path.stat().st_size
    for record in records:
        if record.compress_type != zipfile.ZIP_STORED or record.file_size > size:
            raise NasError(
                f"{str(path)!r} is not a checkpoint as torch.save writes it: its part {record.filename[:80]!r} is "
                "packed or larger than the file; unpack it, or save its state dict again"
            )
        if record.filename.endswith("data.pkl") and record.file_size > MOST_DESCRIPTION:
            raise NasError(_TOO_LONG.format(path=str(path), size=record.file_size))
    if sum(record.file_size for record in records) > size:
        raise NasError(f"the parts of {str(path)!r} overlap, which no checkpoint of torch.save does; save it again")


def _refused(path: Path, words: str) -> NasError:
    """What is said of a file that the safe reader of torch stops at."""
    if any(word in words for word in ("pickle data was truncated", "unexpected EOF", "invalid load key")):
        return NasError(f"{str(path)!r} is not a readable checkpoint: it is damaged or cut short; download it again")
    found = _FOREIGN_CLASS.search(words)
    what = f" (an object of {found[1]})" if found else ""
    return NasError(
        f"{str(path)!r} contains more than tensors{what}, which is not loaded from an untrusted file; "
        "save its state dict alone"
    )


def _check_tensor(path: Path, name: str, tensor: Tensor) -> None:
    plain = tensor.layout is torch.strided and not tensor.is_quantized and tensor.device.type == "cpu"
    if not plain or tensor.dim() > MOST_DIMENSIONS:
        raise NasError(f"{str(path)!r}: tensor {name!r} is no plain array; save dense tensors of usual types")
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise NasError(
            f"{str(path)!r}: tensor {name!r} claims {tuple(tensor.shape)} but the file contains "
            f"{tensor.untyped_storage().nbytes()} bytes for it; save it contiguously"
        )


def json_of(content: Mapping[str, str], key: str, where: str) -> Any:
    """One JSON value of a file's metadata.

    Raises:
        NasError: It is absent or no JSON.
    """
    try:
        return json.loads(content[key])
    except (KeyError, ValueError, RecursionError) as error:
        raise NasError(f"{where} carries a damaged description: {key!r} is no JSON; restore the file") from error
