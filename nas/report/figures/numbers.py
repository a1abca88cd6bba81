"""Numbers as people read them."""

from __future__ import annotations


def count(value: float | None) -> str:
    """12 345 -> '12.3K'; three significant digits, empty for None. Used for parameters and multiply-adds."""
    if value is None:
        return ""
    for limit, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "K")):
        if abs(value) >= limit * 0.9995:
            return f"{_three(value / limit)}{unit}"
    return _three(value)


def _three(value: float) -> str:
    digits = 0 if abs(value) >= 99.95 else 1 if abs(value) >= 9.995 else 2
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def decibel(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def similarity(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
