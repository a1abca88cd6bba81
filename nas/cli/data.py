"""``nas data check`` and ``nas data prepare``: image folders."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nas.cli import options as o

_Folder = Annotated[Path, typer.Argument(help="Folder of images, or .csv list of pairs.")]
_CleanHalf = Annotated[
    str, typer.Option("--clean-half", help="Which half of side-by-side files is clean: left or right.")
]


def check_command(
    path: _Folder,
    task: o.TaskOption = None,
    clean_half: _CleanHalf = "left",
    plugin: o.PluginOption = None,
) -> None:
    """Count images, find what is wrong with them; exit code 1 when something is.

    Example: [bold]nas data check photos --task sr_x2[/bold]
    """
    from nas.data.check import check_folder
    from nas.registry import load_plugins

    load_plugins(plugin)
    report = check_folder(path, task, clean_half)
    typer.echo(report.to_text())
    if not report.ok:
        raise typer.Exit(1)


def prepare_command(
    path: _Folder,
    task: o.TaskOption = None,
    out: o.OutOption = None,
    sub_image: Annotated[
        int, typer.Option("--sub-image", help="Side of the sub-images in pixels; 0: whole images.")
    ] = 480,
    step: Annotated[
        int | None, typer.Option("--step", help="Distance between them; default: half a side, evened out.")
    ] = None,
    cache: Annotated[bool, typer.Option(help="Write the memory-mapped cache too.")] = True,
    clean_half: _CleanHalf = "left",
    plugin: o.PluginOption = None,
) -> None:
    """Make sub-images, degraded images and a memory-mapped cache beside the source, never in it.

    It may be interrupted and called again.

    Example: [bold]nas data prepare photos --task sr_x2 --out prepared[/bold]; then [bold]nas retrain ... --data prepared --set data.cache=prepared/cache[/bold]
    """
    import sys

    from nas.cli.output import wrote
    from nas.data.prepare import prepare_folder
    from nas.registry import load_plugins

    load_plugins(plugin)
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
    typer.echo(f"{found.images} images, made just now from {found.made} sources{', cached' if found.cached else ''}")
    wrote(target)
