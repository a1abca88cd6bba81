"""Values as text for the terminal: sparklines, bars, durations, numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from rich.text import Text

from nas.report.figures.numbers import format_count, is_finite_number

BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float], width: int = 24) -> str:
    """A series as a line of bars.

    Args:
        values: The series; values that are not finite are left out.
        width: How many bars there are at most.

    Returns:
        The bars, each the mean of its part of the series, from the smallest to the largest mean.
    """
    kept = [v for v in values if math.isfinite(v)]
    if not kept:
        return ""
    cells = min(width, len(kept))
    means = []
    for i in range(cells):
        part = kept[i * len(kept) // cells : (i + 1) * len(kept) // cells]
        means.append(sum(part) / len(part))
    low, span = min(means), max(means) - min(means)
    return "".join(BARS[min(int((m - low) / span * len(BARS)), len(BARS) - 1)] if span > 0 else BARS[3] for m in means)


def share_bar(share: float, width: int = 20) -> Text:
    """A share (0 to 1) as a bar with its percentage: green when small, red near 1."""
    full = round(share * width)
    style = "green" if share < 0.5 else "yellow" if share < 0.9 else "red"
    return Text.assemble(("█" * full, style), ("░" * (width - full), "dim"), f" {share:4.0%}")


def format_duration(seconds: float) -> str:
    """3725 -> "1 h 02 min"; 75 -> "1 min 15 s"; 9 -> "9 s"."""
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 60} min {whole % 60:02d} s" if whole >= 60 else f"{whole} s"


def format_objective(name: str, value: Any) -> str:
    """An objective as read from an event: three digits after the point for qualities and latency, else a count."""
    if not is_finite_number(value):
        return value if isinstance(value, str) else "-"
    return f"{value:.3f}" if name in ("psnr", "score", "latency", "ssim") else format_count(value)
