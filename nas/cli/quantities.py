"""Numbers as people type them on a command line: ``300k``, ``60G``, ``90m``."""

from __future__ import annotations

from nas.errors import UsageError

#: suffix -> factor, of counts (parameters, multiply-adds)
COUNTS = {"k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
#: suffix -> seconds
DURATIONS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def count(text: str | None, option: str) -> float | None:
    """``300k`` -> 300000.0; a plain number stays as it is. UsageError names the option."""
    return _scaled(text, option, COUNTS, "300k, 1.5M or 60G")


def duration(text: str | None, option: str = "--time") -> float | None:
    """``90m`` -> 5400.0 seconds; a plain number is seconds. UsageError names the option."""
    return _scaled(text, option, DURATIONS, "90s, 30m or 2h")


def _scaled(text: str | None, option: str, units: dict[str, float], examples: str) -> float | None:
    if text is None:
        return None
    body, factor = (text[:-1], units[text[-1]]) if text[-1:] in units else (text, 1.0)
    try:
        value = float(body) * factor
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise UsageError(f"{option} {text!r} is not a positive quantity; write for example {examples}")
    return value
