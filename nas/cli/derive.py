"""nas derive"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nas.cli import options as o


def register(app: typer.Typer) -> None:
    @app.command(
        help="Derive the genotype of a search run, finished or not.\n\nExample: [bold]nas derive runs/mine --out genotype.json[/bold]"
    )
    def derive(
        run: Annotated[Path, typer.Argument(help="Run folder of a search.")],
        out: o.Out = None,
    ) -> None:
        from nas.strategies.derive import derive as run_derive

        target = out or run / "genotype.json"
        genotype = run_derive(run, target)
        typer.echo(genotype.to_text())
        o.wrote(target)
