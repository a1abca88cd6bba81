"""One way to run a command in this process, for all tests of the command line."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from nas.cli import main


@dataclass(frozen=True)
class Outcome:
    """How a command ended: exit code, standard output, standard error."""

    code: int
    out: str
    err: str


def run(capsys: pytest.CaptureFixture[str], *words: object) -> Outcome:
    """``nas WORDS``, whatever its end."""
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in words])
    captured = capsys.readouterr()
    return Outcome(int(ended.value.code or 0), captured.out, captured.err)


def succeed(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """What ``nas WORDS`` prints; it must end with exit code 0."""
    outcome = run(capsys, *words)
    assert outcome.code == 0, outcome.err
    return outcome.out
