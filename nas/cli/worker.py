"""nas worker"""

from __future__ import annotations

from typing import Annotated

import typer

from nas.cli import options as o

EXAMPLE = """Work on a shared search, on this machine or any other, until its trials are done.

The study holds the whole configuration; only what lies elsewhere on this machine is given here. Stop a worker with Ctrl-C
or kill it: its trial is done again by another.

Example: [bold]nas worker --storage postgresql://nas@host/nas --study mine[/bold]
The search itself: [bold]nas search --strategy evolution --storage postgresql://nas@host/nas --study mine --trials 200[/bold]"""


def register(app: typer.Typer) -> None:
    @app.command(help=EXAMPLE)
    def worker(
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
        data: o.Data = None,
        plugin: o.Plugin = None,
        supernet: Annotated[
            str | None, typer.Option("--supernet", help="Where the supernet's run folder lies on this machine.")
        ] = None,
        device: o.Device = None,
        threads: o.Threads = None,
        dry_run: Annotated[
            bool,
            typer.Option(
                "--dry-run", help="Only see whether this worker would be let in: same space, images and code."
            ),
        ] = False,
    ) -> None:
        from nas.engines.shared.study import worker as run_worker

        done = run_worker(
            storage,
            study,
            data=data,
            plugins=plugin,
            device=device,
            threads=threads,
            supernet=supernet,
            dry_run=dry_run,
        )
        if dry_run:
            typer.echo(f"study {study} would take this worker")
            return
        typer.echo(f"study {study} is done, {done} of its trials by this worker")
