"""``nas report``: one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nas.cli import options as o


def report_command(
    sources: Annotated[
        list[Path], typer.Argument(help="Folders of runs, experiments or tables and CSV files of rows, any number.")
    ],
    images: Annotated[
        Path | None, typer.Option("--images", help="Folder written by 'nas evaluate --save-images'.")
    ] = None,
    published: Annotated[
        bool, typer.Option("--published/--no-published", help="Put the published numbers beside ours.")
    ] = True,
    pictures: Annotated[
        bool,
        typer.Option(
            "--pictures/--no-pictures",
            help="Without --images, restore sample photographs with the weights of the runs.",
        ),
    ] = True,
    plugin: o.PluginOption = None,
    out: o.OutOption = None,
) -> None:
    """Write one self-contained HTML page about runs, experiments and evaluation rows.

    A search brings the trainings of its genotype that lie in the same folder.

    Example: [bold]nas report runs/mine rows.csv --out report.html[/bold]
    """
    from nas.cli.output import begins, listed, wrote
    from nas.evaluation.rows import read_rows
    from nas.registry import load_plugins
    from nas.report.page.html import write_report
    from nas.report.published import load_published

    load_plugins(plugin)
    folders = [s for s in sources if s.is_dir() or s.suffix.lower() != ".csv"]
    rows = [row for s in sources if s not in folders for row in read_rows(s)]
    target = out or (folders[0] / "report.html" if len(folders) == 1 else Path("report.html"))
    begins(f"report on {listed([str(s) for s in sources])} ({len(rows)} evaluation rows); into {target}")
    papers = load_published() if published else []
    write_report(target, run=folders, rows=rows, published=papers, images=images, restore=pictures)
    wrote(target)
