"""nas data check, nas data prepare"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nas.cli import options as o

CleanHalf = Annotated[str, typer.Option("--clean-half", help="Of side-by-side files the clean half: left or right.")]


def register(app: typer.Typer) -> None:
    data = typer.Typer(no_args_is_help=True, help="Look after image folders.")
    app.add_typer(data, name="data")

    @data.command(
        help="Count images, find what is wrong with them; exit code 1 when something is.\n\nExample: [bold]nas data check photos --task sr_x2[/bold]"
    )
    def check(
        path: Annotated[Path, typer.Argument(help="Folder of images, or .csv list of pairs.")],
        task: o.Task = None,
        clean_half: CleanHalf = "left",
    ) -> None:
        from nas.data.check import check_folder

        report = check_folder(path, task, clean_half)
        typer.echo(report.to_text())
        if not report.ok:
            raise typer.Exit(1)

    @data.command(
        help="Make sub-images, degraded images and a memory-mapped cache beside, never in, the source. May be interrupted and called again.\n\n"
        "Example: [bold]nas data prepare photos --task sr_x2 --out prepared[/bold]; then [bold]nas retrain ... --data prepared --set data.cache=prepared/cache[/bold]"
    )
    def prepare(
        path: Annotated[Path, typer.Argument(help="Folder of images, or .csv list of pairs.")],
        task: o.Task = None,
        out: o.Out = None,
        sub_image: Annotated[
            int, typer.Option("--sub-image", help="Side of the sub-images in pixels; 0: whole images.")
        ] = 480,
        step: Annotated[
            int | None, typer.Option("--step", help="Distance between them; default: half a side, evened out.")
        ] = None,
        cache: Annotated[bool, typer.Option(help="Write the memory-mapped cache too.")] = True,
        clean_half: CleanHalf = "left",
    ) -> None:
        import sys

        from nas.data.prepare import prepare_folder

        target = out or Path(f"{path.stem}-{task or 'sr_x2'}")
        found = prepare_folder(
            path,
            task or "sr_x2",
            target,
            sub_image=sub_image or None,
            step=step,
            cache=cache,
            clean_half=clean_half,
            progress=sys.stderr,
        )
        typer.echo(
            f"{found.images} images, made just now from {found.made} sources{', cached' if found.cached else ''}"
        )
        o.wrote(target)
