"""nas compare"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nas.cli import options as o

EXAMPLE = """Table and PSNR-against-multiply-adds figure from evaluation rows.

Example: [bold]nas compare rows.csv --published --out comparison[/bold]"""


def register(app: typer.Typer) -> None:
    @app.command(help=EXAMPLE)
    def compare(
        sources: Annotated[list[Path], typer.Argument(help="CSV files of rows, or run folders that hold a rows.csv.")],
        task: o.Task = None,
        set_name: Annotated[
            str | None, typer.Option("--set-name", help="Set of the figure; default: the first one measured.")
        ] = None,
        published: Annotated[
            bool, typer.Option("--published/--no-published", help="Put the published numbers beside ours, marked.")
        ] = True,
        out: o.Out = None,
    ) -> None:
        from nas.report.comparison import compare as run_compare
        from nas.report.published import load_published
        from nas.rows import read_rows

        rows = [row for source in sources for row in read_rows(source / "rows.csv" if source.is_dir() else source)]
        literature = load_published() if published else []
        result = run_compare(rows, literature, out or Path("comparison"), task=task, set_name=set_name)
        typer.echo(result.markdown)
        for path in result.files:
            typer.echo(str(path))
        o.wrote(result.folder)
