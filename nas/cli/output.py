"""How commands begin and end: what will be done, what it cost, what to type next, what was written."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

    from nas.config.data import DataSettings
    from nas.config.runs import SearchSettings, Settings
    from nas.experiments.plan import ExperimentResult
    from nas.tasks import Task


def begins(sentence: str, needs: Path | None = None) -> None:
    """The first line of a command: what it will do. It goes where progress goes, to standard error.

    Args:
        sentence: The line.
        needs: What the command reads first; without it nothing will be done, and the error is the only line.
    """
    if needs is None or _is_there(needs):
        typer.echo(sentence, err=True)


def _is_there(path: Path) -> bool:
    try:
        path.stat()
    except OSError:
        return False
    return True


def cost_line(model: nn.Module, task: Task) -> str:
    """Parameters and multiply-adds of a network in one line; empty where they cannot be counted."""
    from nas.errors import NasError
    from nas.profiling.costs import costs_for_task

    try:
        cost = costs_for_task(model, task)
    except NasError:
        return ""
    return (
        f"cost: {cost.parameters:,} parameters, {cost.multiply_adds_total / 1e9:,.2f} G multiply-adds at "
        f"{cost.output_size} output"
    )


def ends(path: Path, *following: str, cost: str = "") -> None:
    """The last lines of a command: what its network costs, what to type next, and what it wrote.

    Args:
        path: What was written.
        following: The words of the next command; none where nothing follows.
        cost: See ``cost_line``.
    """
    if cost:
        typer.echo(cost)
    if following:
        typer.echo(f"next: {shlex.join(following)}")
    wrote(path)


def wrote(path: Path) -> None:
    """The last line of a command: what it wrote."""
    typer.echo(f"wrote {path}")


def data_words(data: DataSettings) -> list[str]:
    """The flags that name the images of a run, for a command that uses the same."""
    words = []
    for flag, folders in (("--data", data.path), ("--clean", data.clean), ("--degraded", data.degraded)):
        for folder in folders:
            words += [flag, folder]
    return words


def plugin_words(settings: Settings) -> list[str]:
    """The flags that name the plug-ins of a run."""
    return [word for plugin in settings.plugins for word in ("--plugin", plugin)]


def begins_experiment(what: str, settings: SearchSettings, seeds: int, jobs: int, out: Path | None) -> None:
    """The first line of an experiment: what is compared, with which images, how often, where."""
    from nas.train.opening import SAMPLE

    data = settings.data
    source = ", ".join([*data.path, *data.clean]) or SAMPLE
    begins(
        f"{what} in space {settings.space} for {settings.task}: {seeds} seeds, {jobs} run(s) at a time, images of "
        f"{source}; on {settings.device}; into {out or 'a folder below runs'}"
    )


def print_experiment(result: ExperimentResult) -> None:
    """The text of a finished experiment, how to make a page of it, and where its table is."""
    typer.echo(result.text)
    ends(result.table, "nas", "report", str(result.table.parent))


def command_line() -> str:
    """The command as typed, for rows: the program's name without its folder."""
    return shlex.join(["nas", *sys.argv[1:]])


def listed(names: Sequence[str], most: int = 4) -> str:
    """Names in one line; of many the first ones and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
