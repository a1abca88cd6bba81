"""How commands end: the last line, the end of an experiment, the command as typed."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from nas.experiments.plan import ExperimentResult


def wrote(path: Path) -> None:
    """The last line of a command: what it wrote."""
    typer.echo(f"wrote {path}")


def print_experiment(result: ExperimentResult) -> None:
    """The text of a finished experiment and where its table is."""
    typer.echo(result.text)
    wrote(result.table)


def command_line() -> str:
    """The command as typed, for rows: the program's name without its folder."""
    return shlex.join(["nas", *sys.argv[1:]])
