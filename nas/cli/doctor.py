"""``nas doctor``: whether this machine and this installation are fit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def doctor_command(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder in which runs are to lie.")] = Path("runs"),
) -> None:
    """Check Python, torch, threads, clock, GPU, disk and extras; exit code 1 if something is broken.

    Each line says what is there and, where it could be better, what to do.

    Example: [bold]nas doctor[/bold]; before a search on another disk: [bold]nas doctor --out /scratch/runs[/bold]
    """
    from nas.bench.doctor import BROKEN, examine

    broken = 0
    for finding in examine(out):
        typer.echo(str(finding))
        broken += finding.state == BROKEN
    typer.echo(f"{broken} broken" if broken else "nothing is broken")
    if broken:
        raise typer.Exit(1)
