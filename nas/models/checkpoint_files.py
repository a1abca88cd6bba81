"""Checkpoint files, read without running what is in them; what is no checkpoint is called by its name."""

from __future__ import annotations

import re
import string
import zipfile
from pathlib import Path
from typing import Any

from nas.errors import NasError, UsageError
from nas.models.tensor_files import read_safetensors, read_torch_file

#: how many bytes at the beginning of a file tell what it is
_HEAD = 4096
#: first bytes of files that people download in place of a checkpoint -> what they are, and the way out
_KINDS: tuple[tuple[bytes, str], ...] = (
    (b"version https://git-lfs", "a git-lfs pointer, which stands for the real file; fetch that with 'git lfs pull'"),
    (b"\x1f\x8b", "a gzip archive; unpack it and import the file inside"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it and import the file inside"),
    (b"Rar!", "a RAR archive; unpack it and import the file inside"),
    (b"\xfd7zXZ", "an xz archive; unpack it and import the file inside"),
    (b"BZh", "a bzip2 archive; unpack it and import the file inside"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive; unpack it and import the file inside"),
    (b"\x89HDF", "an HDF5 file (Keras, MATLAB), not a checkpoint of torch; save its tensors with torch"),
    (b"\x93NUMPY", "a numpy array, not a checkpoint of torch; save its tensors with torch"),
    (b"GGUF", "a GGUF file, not a checkpoint of torch; download the .pth or .safetensors file"),
    (b"\x89PNG", "a PNG image, not a checkpoint; check the path"),
    (b"\xff\xd8\xff", "a JPEG image, not a checkpoint; check the path"),
    (b"%PDF", "a PDF document, not a checkpoint; check the path"),
    (b"\x7fELF", "a program, not a checkpoint; check the path"),
)
_PAGE = re.compile(r"<(!doctype|html|head|body|meta|script|title)\b", re.IGNORECASE)
_PAGE_WORDS = (
    "a web page (HTML), not a checkpoint: the link shows a page in place of the file; open it in a browser, and "
    "download the file itself"
)
#: the number with which files of torch.save before version 1.6 begin, as pickle writes it
_OLD_TORCH = b"l\xfc\x9cF\xf9 j\xa8P\x19"
_TEXT = frozenset(string.printable.encode())


def read_content(path: Path) -> Any:
    """Everything in a checkpoint file.

    Args:
        path: A safetensors file, or a file of ``torch.save``, of which tensors and plain values alone are read. The
            content decides which of the two it is, not the ending of the name.

    Returns:
        What was saved, tensors on the CPU; of a safetensors file its tensors by name.

    Raises:
        UsageError: There is no such file.
        NasError: It is no checkpoint (the message says what it is), is damaged, or holds more than tensors.
    """
    if path.is_dir():
        raise UsageError(f"{str(path)!r} is a folder; give the checkpoint file inside it")
    if not path.is_file():
        raise UsageError(f"checkpoint {str(path)!r} does not exist")
    with path.open("rb") as file:
        head = file.read(_HEAD)
    size = path.stat().st_size
    if _is_safetensors(head, size, path):
        return read_safetensors(path)
    kind = _kind(path, head)
    if kind:
        raise NasError(f"{str(path)!r} is {kind}")
    return read_torch_file(path)


def _is_safetensors(head: bytes, size: int, path: Path) -> bool:
    length = int.from_bytes(head[:8], "little") if len(head) > 8 else 0
    begins = head[8:9] == b"{" and 0 < length < 10**9
    return begins and (length + 8 <= size or path.suffix == ".safetensors")


def _kind(path: Path, head: bytes) -> str:
    """What a file is that is no checkpoint, and the way out; empty for what torch may read."""
    if not head:
        return "empty; download it again"
    for magic, words in _KINDS:
        if head.startswith(magic):
            return words
    if head[257:262] == b"ustar":
        return "a tar archive; unpack it and import the file inside"
    if head.startswith(b"PK"):
        return _kind_of_zip(path)
    if _OLD_TORCH in head[:32]:
        return ""
    return _kind_of_text(head) or (
        "not a readable checkpoint: its beginning is neither that of torch.save nor of a safetensors file; it "
        "is damaged, cut short, or of another program"
    )


def _kind_of_zip(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError):
        return "not a readable checkpoint, its end is missing; was it cut short? download it again"
    inside = {name.partition("/")[2] or name for name in names}
    if "constants.pkl" in inside or any(name.startswith("code/") for name in inside):
        return (
            "a TorchScript archive, which contains a program beside its tensors and is not run; "
            "load it yourself and save "
            "its state_dict() alone"
        )
    if "data.pkl" in inside:
        return ""
    shown = ", ".join(sorted(names)[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return f"a zip archive of other files ({shown or 'nothing'}); unpack it and import the checkpoint inside"


def _kind_of_text(head: bytes) -> str:
    """The kind of a text file; a checkpoint of any format has bytes that no text has."""
    encoding = "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    text = head.decode(encoding, "ignore").lstrip("\ufeff \t\r\n")
    if text.startswith("<") and _PAGE.search(text):
        return _PAGE_WORDS
    body = head.removeprefix(b"\xef\xbb\xbf")
    if sum(byte in _TEXT or byte >= 0x80 for byte in body) < len(body) or b"\x80" in body[:2]:
        return ""
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(body) - 4:  # not a letter that the end of the piece cuts
            return ""
    shown = " ".join(text.split())[:60]
    return f"a text file that begins with {shown!r}, not a checkpoint; download the file itself"
