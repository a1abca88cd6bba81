"""Numbers as figures and tables print them."""

from __future__ import annotations

import math


def format_count(value: float | None) -> str:
    """A count with three significant digits and a unit prefix, for parameters and multiply-adds.

    Args:
        value: Any number, also a negative or fractional one, or None where it is unknown.

    Returns:
        For example ``"12.3K"`` for 12 345 and ``"105G"`` for 1.05e11; empty for None and NaN.
    """
    if value is None or math.isnan(value):
        return ""
    for limit, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "K")):
        if abs(value) >= limit * 0.9995:
            return f"{_three_digits(value / limit)}{unit}"
    return _three_digits(value)


def _three_digits(value: float) -> str:
    digits = 0 if abs(value) >= 99.95 else 1 if abs(value) >= 9.995 else 2
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def format_psnr(value: float | None) -> str:
    """PSNR in dB with two digits, without its unit; "exact" where it is infinite, empty for None and NaN."""
    if value is None or math.isnan(value):
        return ""
    return "exact" if math.isinf(value) else f"{value:.2f}"


def format_ssim(value: float | None) -> str:
    """SSIM with four digits after the point; empty for None and NaN."""
    return "" if value is None or math.isnan(value) else f"{value:.4f}"


def is_finite_number(value: object) -> bool:
    """Whether ``value``, read from a file, is a real and finite number (a bool is none)."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
