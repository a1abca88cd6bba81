"""Statistics in plain sentences, each with its interval and n."""

from __future__ import annotations

from nas.statistics.intervals import Agreement, Correlation, Difference, Summary


def percent(level: float) -> str:
    """A level in words: 0.95 is "95 %"."""
    return f"{100 * level:.3g} %"


def decibels(value: Summary) -> str:
    """A summary in words: ``31.200 dB (SD 0.100, 95 % interval 30.952 to 31.448, n = 3)``."""
    if value.sd is None or value.low is None or value.high is None:
        return f"{value.mean:.3f} dB (n = {value.n}, so no interval)"
    return (
        f"{value.mean:.3f} dB (SD {value.sd:.3f}, {percent(value.level)} interval {value.low:.3f} to "
        f"{value.high:.3f}, n = {value.n})"
    )


def verdict(name: str, other: str, found: Difference) -> str:
    """One sentence on a difference of two variants.

    Args:
        name: The variant whose mean comes first in the difference.
        other: The variant it is compared with.
        found: mean(name) - mean(other) in dB.

    Returns:
        The difference, its interval, n, and whether it can be told from zero.
    """
    start = f"{name} minus {other}: {found.difference:+.3f} dB"
    count = f"n = {found.n_a} and {found.n_b}" if found.n_a != found.n_b else f"n = {found.n_a} each"
    if found.low is None or found.high is None:
        return f"{start} ({count}): no interval can be stated, so nothing follows; run more seeds."
    start += f", {percent(found.level)} interval {found.low:+.3f} to {found.high:+.3f} ({found.method}, {count})"
    if not found.decided:
        return f"{start}: the interval contains zero, so at this budget {name} cannot be told from {other}."
    word = "better" if found.difference > 0 else "worse"
    return f"{start}: {name} is {word} than {other} at this budget."


def correlation(found: Correlation) -> str:
    """A correlation in words: ``tau +0.33, 95 % interval -0.40 to +0.80, p 0.47, n = 6``."""
    if found.tau is None:
        return f"no rank correlation (n = {found.n}, or all values alike)"
    text = f"tau {found.tau:+.2f}"
    if found.low is not None and found.high is not None:
        text += f", {percent(found.level)} interval {found.low:+.2f} to {found.high:+.2f}"
    p = f"p {found.p:.2g}, " if found.p is not None else ""
    return f"{text}, {p}n = {found.n}"


def likeness(found: Agreement) -> str:
    """An agreement in words: how alike the genotypes of several seeds are, beside chance."""
    if found.share is None or found.chance_low is None or found.chance_high is None:
        return f"a single genotype cannot be compared (chance would be {found.chance:.0%})"
    text = (
        f"{found.share:.0%} of the {found.decisions} choices are equal between two seeds (n = {found.pairs} pairs); "
        f"chance gives {found.chance:.0%}, in {percent(found.level)} of draws {found.chance_low:.0%} to "
        f"{found.chance_high:.0%}"
    )
    if found.chance_low <= found.share <= found.chance_high:
        return text + ": no more alike than random genotypes"
    return text + (": more alike than chance" if found.share > found.chance_high else ": less alike than chance")
