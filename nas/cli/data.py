"""``nas data check`` and ``nas data prepare``: image folders."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nas.cli import options as o

_Folder = Annotated[Path | None, typer.Argument(help="Folder of images, or .csv list of pairs.")]
_Clean = Annotated[Path | None, typer.Option("--clean", help="Folder of clean images, whatever its name.")]
_Degraded = Annotated[Path | None, typer.Option("--degraded", help="Folder of their degraded images.")]
_CleanHalf = Annotated[
    str, typer.Option("--clean-half", help="Which half of side-by-side files is clean: left or right.")
]
_Patch = Annotated[
    int | None, typer.Option("--patch", help="Patch of the training, which no image may be smaller than.")
]
_Split = Annotated[str, typer.Option("--split", help="train: as training would use it; test: as evaluation would.")]


def check_command(
    path: _Folder = None,
    task: o.TaskOption = None,
    patch: _Patch = None,
    split: _Split = "train",
    clean: _Clean = None,
    degraded: _Degraded = None,
    clean_half: _CleanHalf = "left",
    plugin: o.PluginOption = None,
) -> None:
    """Count images, find what is wrong with them; exit code 1 when something is.

    What it calls usable is what training uses; with --split test, what evaluation uses.

    Example: [bold]nas data check photos --task sr_x2 --patch 96[/bold]
    Folders of any name: [bold]nas data check --clean A --degraded B --task derain[/bold]
    """
    from nas.config.data import DataSettings
    from nas.data.check import check_folder
    from nas.registry import load_plugins

    load_plugins(plugin)
    usual = DataSettings().patch if split == "train" else None
    report = check_folder(path, task, clean_half, patch, usual, split, clean, degraded)
    typer.echo(report.to_text())
    if not report.ok:
        raise typer.Exit(1)


def prepare_command(
    path: _Folder = None,
    task: o.TaskOption = None,
    out: o.OutOption = None,
    sub_image: Annotated[
        int, typer.Option("--sub-image", help="Side of the sub-images in pixels; 0: whole images.")
    ] = 480,
    step: Annotated[
        int | None,
        typer.Option("--step", help="Distance between sub-images in pixels; default: about half their side."),
    ] = None,
    cache: Annotated[bool, typer.Option(help="Write the memory-mapped cache too.")] = True,
    clean: _Clean = None,
    degraded: _Degraded = None,
    clean_half: _CleanHalf = "left",
    plugin: o.PluginOption = None,
    skip_unfit: Annotated[bool, typer.Option("--skip-unfit", help="Leave out images that cannot be used.")] = False,
) -> None:
    """Make sub-images, degraded images and a memory-mapped cache beside the source, never in it.

    It may be interrupted and called again.

    Example: [bold]nas data prepare photos --task sr_x2 --out prepared[/bold]; then [bold]nas retrain ... --data prepared --set data.cache=prepared/cache[/bold]
    """
    import sys

    from nas.cli.output import begins, ends
    from nas.data.prepare import prepare_folder
    from nas.errors import UsageError
    from nas.registry import load_plugins

    load_plugins(plugin)
    source = path or clean
    if source is None:
        raise UsageError("nothing to prepare; give a folder of images, a .csv list of pairs, or --clean DIR")
    target = out or Path(f"{source.stem}-{task or 'sr_x2'}")
    begins(
        f"prepare {source} for {task or 'sr_x2'}: sub-images {sub_image or 'as large as the images'}; into {target}",
        source,
    )
    found = prepare_folder(
        path,
        task or "sr_x2",
        target,
        sub_image=sub_image or None,
        step=step,
        cache=cache,
        clean=clean,
        degraded=degraded,
        clean_half=clean_half,
        skip_unfit=skip_unfit,
        progress=sys.stderr,
    )
    typer.echo(f"{found.images} images, made just now from {found.made} sources{', cached' if found.cached else ''}")
    used = ["--data", str(target), *(["--set", f"data.cache={target / 'cache'}"] if cache else [])]
    ends(target, "nas", "search", "--task", task or "sr_x2", *used)
