"""nas report"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nas.cli import options as o


def register(app: typer.Typer) -> None:
    @app.command(
        help="One self-contained HTML page from a run and evaluation rows.\n\nExample: [bold]nas report runs/mine rows.csv --out report.html[/bold]"
    )
    def report(
        sources: Annotated[list[Path], typer.Argument(help="A search run folder and/or CSV files of rows.")],
        images: Annotated[
            Path | None, typer.Option("--images", help="Folder written by 'nas evaluate --save-images'.")
        ] = None,
        published: Annotated[
            bool, typer.Option("--published/--no-published", help="Put the published numbers beside ours.")
        ] = True,
        out: o.Out = None,
    ) -> None:
        from nas.errors import UsageError
        from nas.report.html import write_report
        from nas.report.published import load_published
        from nas.rows import read_rows

        runs = [s for s in sources if s.is_dir()]
        if len(runs) > 1:
            raise UsageError("a report shows one run; give one run folder and any number of CSV files")
        rows = [row for s in sources if not s.is_dir() for row in read_rows(s)]
        run = runs[0] if runs else None
        target = out or (run / "report.html" if run else Path("report.html"))
        write_report(target, run=run, rows=rows, published=load_published() if published else [], images=images)
        o.wrote(target)
