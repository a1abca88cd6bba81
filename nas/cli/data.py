"""nas data check, nas data prepare"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nas.cli import options as o


def register(app: typer.Typer) -> None:
    data = typer.Typer(no_args_is_help=True, help="Look after image folders.")
    app.add_typer(data, name="data")

    @data.command(
        help="Count images, find what is wrong with them; exit code 1 when something is.\n\nExample: [bold]nas data check photos --task sr_x2[/bold]"
    )
    def check(path: Annotated[Path, typer.Argument(help="Folder of images.")], task: o.Task = None) -> None:
        from nas.data.check import check_folder

        report = check_folder(path, task)
        typer.echo(report.to_text())
        if not report.ok:
            raise typer.Exit(1)

    @data.command(
        help="Make degraded images and a memory-mapped cache beside, never in, the source.\n\nExample: [bold]nas data prepare photos --task sr_x2 --out prepared[/bold]"
    )
    def prepare(
        path: Annotated[Path, typer.Argument(help="Folder of images.")],
        task: o.Task = None,
        out: o.Out = None,
    ) -> None:
        from nas.data.prepare import prepare as run_prepare

        target = out or Path(f"{path.name}-{task or 'sr_x2'}")
        run_prepare(path, task or "sr_x2", target)
        o.wrote(target)
