"""Quantities as people type them (``300k``, ``60G``, ``1h30m``, ``2GiB``, ``320x180``) and the parsers of their options.

The functions ``parse_*`` read a text or raise ValueError; ``quantity`` makes of one the option of a flag, whose
error is a sentence that names the flag.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import typer

from nas.errors import UsageError

#: factors of the letters that follow counts and bytes
DECIMAL = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
#: seconds of the units of durations, in the order in which they are written
SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
#: nothing that is counted here is larger
LARGEST = 10**18

_NUMBER = r"\d+(?:_\d+)*(?:\.\d*)?(?:e[+-]?\d{1,2})?"
_SCALED = re.compile(rf"({_NUMBER})([A-Za-z]*)", re.ASCII)
_PLAIN = re.compile(_NUMBER, re.ASCII)
_DURATION = re.compile("".join(rf"(?:({_NUMBER}){unit})?" for unit in SECONDS), re.ASCII)
_SIZE = re.compile(r"(\d{1,6})x(\d{1,6})", re.ASCII)


@dataclass(frozen=True)
class ImageSize:
    """Width and height of an image in pixels; as text ``WIDTHxHEIGHT``."""

    width: int
    height: int

    def __str__(self) -> str:
        """The size as it is typed."""
        return f"{self.width}x{self.height}"


def parse_count(text: str) -> int:
    """A whole number of things.

    Args:
        text: Digits, with k, M, G or T for thousands up to billions of thousands: ``300k``, ``1.5M``, ``1e6``.

    Returns:
        The number, from 1 to 10^18.

    Raises:
        ValueError: When the text is no such number.
    """
    return _whole(text, DECIMAL)


def parse_bytes(text: str) -> int:
    """A number of bytes.

    Args:
        text: As for a count, with decimal (``2G``, ``500MB``) or binary units (``2GiB``).

    Returns:
        The bytes, from 1 to 10^18.

    Raises:
        ValueError: When the text is no such number.
    """
    return _whole(text.removesuffix("B"), DECIMAL | BINARY)


def parse_duration(text: str) -> float:
    """A length of time.

    Args:
        text: Seconds, or numbers with d, h, m and s in this order, each at most once: ``90s``, ``2h``, ``1h30m``.

    Returns:
        Seconds, above 0.

    Raises:
        ValueError: When the text is no such time.
    """
    if _PLAIN.fullmatch(text):
        seconds = Decimal(text)
    else:
        found = _DURATION.fullmatch(text)
        if found is None:
            raise ValueError(text)
        written = zip(found.groups(), SECONDS.values(), strict=True)
        seconds = sum((Decimal(number) * unit for number, unit in written if number is not None), Decimal(0))
    if not 0 < seconds <= LARGEST:
        raise ValueError(text)
    return float(seconds)


def parse_milliseconds(text: str) -> float:
    """A positive number of milliseconds, without a unit."""
    if not _PLAIN.fullmatch(text) or not 0 < float(text) <= LARGEST:
        raise ValueError(text)
    return float(text)


def parse_size(text: str) -> ImageSize:
    """The size of an image, ``WIDTHxHEIGHT`` in pixels, both at least 1."""
    found = _SIZE.fullmatch(text)
    size = ImageSize(int(found[1]), int(found[2])) if found else ImageSize(0, 0)
    if not (size.width and size.height):
        raise ValueError(text)
    return size


def _whole(text: str, units: dict[str, int]) -> int:
    found = _SCALED.fullmatch(text)
    if found is None or found[2] not in units:
        raise ValueError(text)
    value = Decimal(found[1]) * units[found[2]]
    if not 1 <= value <= LARGEST or value % 1:
        raise ValueError(text)
    return int(value)


#: parser -> (its place in the help page, what a wrong value is not)
_TOLD: dict[Callable[[str], object], tuple[str, str]] = {
    parse_count: ("COUNT", "a positive quantity; write for example 300k, 1.5M or 60G"),
    parse_bytes: ("BYTES", "a positive number of bytes; write for example 500M, 2G or 2GiB"),
    parse_duration: ("DURATION", "a positive length of time; write for example 90s, 30m or 1h30m"),
    parse_milliseconds: ("MS", "a positive number of milliseconds"),
    parse_size: ("WIDTHxHEIGHT", "WIDTHxHEIGHT in pixels, e.g. 320x180"),
}


def quantity(flag: str, parse: Callable[[str], object], help: str) -> Any:
    """The typer option of a quantity.

    Args:
        flag: The flag as typed, e.g. ``--max-params``; errors name it.
        parse: One of the functions above.
        help: The flag's line in the help page.

    Returns:
        What stands in ``Annotated[TYPE, ...]`` of the command's parameter, TYPE being what ``parse`` returns.
    """
    metavar, expected = _TOLD[parse]

    def parser(value: object) -> object:
        if not isinstance(value, str):  # a default, which needs no parsing
            return value
        try:
            return parse(value)
        except ValueError:
            raise UsageError(f"{flag} {value!r} is not {expected}") from None

    return typer.Option(flag, parser=parser, metavar=metavar, help=help)
