"""Names that come from users, lists, tables and studies, as names of files and as cells of a table."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from urllib.parse import unquote

#: bytes of a file's name that leave room for a prefix and an ending on every common file system
_LONGEST_NAME = 150
#: what stands in place of a password
MASK = "***"
#: an account with its password in an address, and a password among its parameters
_ACCOUNT = re.compile(r"(?P<before>^[^/?#]*://[^/:@]*:)(?P<password>.*)(?P<after>@)", re.DOTALL)
_PARAMETER = re.compile(r"(?P<before>[?&](?:password|passfile|sslpassword)=)(?P<password>[^&#]*)(?P<after>)", re.I)
#: what a spreadsheet takes for the beginning of a formula
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def slug(name: object) -> str:
    """A name as part of a file name: letters, digits, ``-``, ``_`` and ``.`` stay, all else becomes ``-``.

    The result never begins with a dot and is never empty, so it can neither hide a file nor leave its folder.
    """
    text = "".join(c if c.isalnum() or c in "-_." else "-" for c in str(name)).lstrip(".")
    return component(text) if text else "unnamed"


def component(name: object) -> str:
    """A name as the name of one file or folder: as it is, where that is possible.

    What would lead elsewhere (a separator, ``..``, an empty name), hide the file or be no name at all (a control
    character, more bytes than a file system takes) is replaced; two different names may then become one.
    """
    text = "".join("_" if c in "/\\" or not c.isprintable() else c for c in str(name))
    if text.startswith((".", "~")) or not text.strip():
        text = "_" + text.strip()
    whole = text.encode("utf-8", "replace")
    if len(whole) > _LONGEST_NAME:
        digest = hashlib.sha256(whole).hexdigest()[:8]
        return whole[: _LONGEST_NAME - 9].decode("utf-8", "ignore") + "-" + digest
    return whole.decode()


def inside(folder: str | Path, *names: object) -> Path:
    """The path of a file or folder below ``folder``, one level a name; it cannot lie anywhere else.

    Args:
        folder: Where.
        names: Names that may come from a list, a table or a study, whatever they contain, see ``component``.
    """
    return Path(folder, *(component(name) for name in names))


def defused(text: str) -> str:
    """Text for a cell of a CSV file that no spreadsheet takes for a formula; ``restored`` is the inverse."""
    return f"'{text}" if text.lstrip("'")[:1] in FORMULA else text


def restored(cell: str) -> str:
    """The text that ``defused`` was given."""
    return cell[1:] if cell[:1] == "'" and cell.lstrip("'")[:1] in FORMULA else cell


def masked(url: str) -> str:
    """The address of a database without its password, for files, messages and process lists."""
    for pattern in (_ACCOUNT, _PARAMETER):
        url = pattern.sub(rf"\g<before>{MASK}\g<after>", url)
    return url


def without_password(text: str, url: str) -> str:
    """A text of others, in which the address of a database or its password may stand, without the password."""
    text = text.replace(url, masked(url))
    for pattern in (_ACCOUNT, _PARAMETER):
        for found in pattern.finditer(url):
            for secret in {found["password"], unquote(found["password"])} - {"", MASK}:
                text = text.replace(secret, MASK)
    return text
