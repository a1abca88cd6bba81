"""What a fault campaign counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


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
            self.lost.append(problem)


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
