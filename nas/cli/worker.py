"""``nas worker``: a process that evaluates trials of a shared search."""

from __future__ import annotations

from typing import Annotated

import typer

from nas.cli import options as o


def worker_command(
    storage: Annotated[
        str,
        typer.Option(
            "--storage",
            envvar="NAS_STORAGE",
            show_envvar=True,
            help="postgresql://... or the path of a journal file, as the search has it.",
        ),
    ],
    study: Annotated[str, typer.Option("--study", help="Name of the study.")],
    data: o.DataOption = None,
    plugin: o.PluginOption = None,
    supernet: Annotated[
        str | None, typer.Option("--supernet", help="Where the supernet's run folder is on this machine.")
    ] = None,
    device: o.DeviceOption = None,
    threads: o.ThreadsOption = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Only check whether the study would accept this worker: same space, images and code."
        ),
    ] = False,
) -> None:
    """Join a shared search from this machine or any other, until its trials are done.

    The study holds the whole configuration; only what is in another place on this machine is given here. A worker may
    be stopped by Ctrl-C or killed: another worker then repeats its trial.

    Example: [bold]nas worker --storage postgresql://nas@host/nas --study mine[/bold]
    The search itself: [bold]nas search --strategy evolution --storage postgresql://nas@host/nas --study mine --trials 200[/bold]
    """
    from nas.engines.shared.joining import LocalSettings, worker
    from nas.registry import load_plugins

    load_plugins(plugin)
    local = LocalSettings(data or (), plugin or (), device, threads, supernet)
    done = worker(storage, study, local, dry_run=dry_run)
    if dry_run:
        typer.echo(f"study {study} would accept this worker")
        return
    typer.echo(f"study {study} is done, {done} of its trials by this worker")
