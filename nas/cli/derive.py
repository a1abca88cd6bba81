"""nas derive"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nas.cli import options as o

EXAMPLE = """Derive the genotype of a search run, finished or not.

Example: [bold]nas derive runs/mine --out genotype.json[/bold]
The best one within a limit: [bold]nas derive runs/mine --max-params 250k --out small.json[/bold]"""


def register(app: typer.Typer) -> None:
    @app.command(help=EXAMPLE)
    def derive(
        run: Annotated[Path, typer.Argument(help="Run folder of a search.")],
        max_params: Annotated[str | None, typer.Option("--max-params", help="Most parameters, e.g. 300k.")] = None,
        max_macs: Annotated[
            str | None, typer.Option("--max-macs", help="Most multiply-adds at the task's output size, e.g. 60G.")
        ] = None,
        max_latency: Annotated[
            float | None, typer.Option("--max-latency", help="Most milliseconds by the latency table.")
        ] = None,
        latency_table: Annotated[
            Path | None, typer.Option("--latency-table", help="File written by 'nas profile --latency-table'.")
        ] = None,
        out: o.Out = None,
    ) -> None:
        from nas.cli.quantities import count
        from nas.config.search import LimitSettings
        from nas.engines.derive import derive as run_derive
        from nas.errors import UsageError

        if max_latency is not None and max_latency <= 0:
            raise UsageError(f"--max-latency {max_latency} is not a positive number of milliseconds")
        limits = LimitSettings(
            params=count(max_params, "--max-params"),
            macs=count(max_macs, "--max-macs"),
            latency=max_latency,
            latency_table=None if latency_table is None else str(latency_table),
        )
        limited = any((limits.params, limits.macs, limits.latency))
        # a genotype under another limit is not the run's own
        target = out or run / ("genotype-limited.json" if limited else "genotype.json")
        genotype = run_derive(run, target, limits if limited else None)
        typer.echo(genotype.to_text())
        o.wrote(target)
