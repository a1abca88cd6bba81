"""What a campaign of faults counts, and the table of all campaigns."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

#: the kinds of faults of a campaign, by name
Tallies = dict[str, "Tally"]


@dataclass
class Tally:
    """Tries of one kind.

    Attributes:
        tried: How many faults there were.
        lost: What went wrong, one sentence each.
    """

    tried: int = 0
    lost: list[str] = field(default_factory=list)

    def note(self, problem: str) -> None:
        """Count one try; ``problem`` says what went wrong, "" that nothing did."""
        self.tried += 1
        if problem:
            self.lose(problem)
        else:
            sys.stderr.write(".")
            sys.stderr.flush()

    def lose(self, problem: str) -> None:
        """Note what went wrong, and say so at once: campaigns take long."""
        self.lost.append(problem)
        sys.stderr.write(f"\nlost: {problem}\n")
        sys.stderr.flush()


def table(found: Mapping[str, Tallies], details: bool = True) -> str:
    """What was tried, survived and lost, as a Markdown table.

    Args:
        found: Tallies of every campaign, by its name.
        details: One row for each kind of fault; else one for each campaign.
    """
    lines = ["| campaign | fault | tried | survived | lost |", "|---|---|---:|---:|---:|"]
    every = Tally()
    for campaign, tallies in found.items():
        whole = Tally()
        for name, tally in tallies.items():
            whole.tried += tally.tried
            whole.lost += tally.lost
            if details:
                lines.append(_row(campaign, name, tally))
        if not details:
            lines.append(_row(campaign, "", whole))
        every.tried += whole.tried
        every.lost += whole.lost
    lines.append(_row("all", "", every))
    return "\n".join(lines) + "\n"


def _row(campaign: str, name: str, tally: Tally) -> str:
    lost = len(tally.lost)
    return f"| {campaign} | {name} | {tally.tried} | {tally.tried - lost} | {lost} |"


def refusal_problem(what: str, work: Callable[[], object]) -> str:
    """Do something with bad input: it may succeed, or be refused in one sentence of ours; all else is a problem.

    Args:
        what: The input, for the sentence on the problem.
        work: What is done.

    Returns:
        What went wrong; "" if nothing.
    """
    from nas.errors import NasError

    try:
        work()
    except NasError as error:
        words = str(error)
        if "\n" in words or not words or len(words) > 3000:
            return f"{what}: refused in {len(words)} letters, {words.count(chr(10)) + 1} lines: {words[:200]!r}"
        try:
            words.encode("utf-8", "backslashreplace").decode()
        except UnicodeError as broken:
            return f"{what}: a sentence that cannot be printed ({broken})"
        return ""
    except Exception as error:
        return f"{what}: {type(error).__name__}: {str(error)[:300]}"
    return ""
