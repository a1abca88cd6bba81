"""``nas restore``: images of one's own, restored by a trained network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nas.cli import options as o
from nas.cli.quantities import parse_bytes, quantity

_Out = Annotated[Path, typer.Option("--out", "-o", help="Folder for the restored files.")]
_Tile = Annotated[
    str,
    typer.Option(
        "--tile", help="Side of input tiles in pixels, 'none' (whole images), or 'auto': when memory is short."
    ),
]
_Memory = Annotated[
    int | None, quantity("--memory", parse_bytes, "Memory for 'auto' tiles, e.g. 2G; default: what is free.")
]
_Quality = Annotated[int, typer.Option("--quality", help="Of jpg and webp, 1 to 100.")]


def restore_command(
    weights: Annotated[Path, typer.Argument(help="Weights file, or the run folder of a training.")],
    inputs: Annotated[list[str], typer.Argument(help="Image files, video files, or folders of images.")],
    out: _Out,
    format: Annotated[str, typer.Option("--format", help="Of the images: png, jpg or webp.")] = "png",
    quality: _Quality = 95,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Restore also what is there already.")] = False,
    ensemble: Annotated[bool, typer.Option("--ensemble", help="x8 self-ensemble.")] = False,
    tile: _Tile = "auto",
    overlap: Annotated[int, typer.Option("--overlap", min=0, help="Context of tiles in input pixels.")] = 32,
    memory: _Memory = None,
    batch: Annotated[int, typer.Option("--batch", help="Images of equal size, or frames, at once.")] = 1,
    dtype: Annotated[str, typer.Option("--dtype", help="float32, bfloat16 or float16.")] = "float32",
    plain: Annotated[
        bool, typer.Option("--plain", help="Run the network as written, not its form for inference.")
    ] = False,
    device: o.DeviceOption = None,
    plugin: o.PluginOption = None,
    threads: o.ThreadsOption = None,
) -> None:
    """Restore images of your own with trained weights; no ground truth is needed.

    Example: [bold]nas restore runs/derived photos holiday.jpg --out restored[/bold]

    Folders keep their structure. Results that are there already are kept, unless --overwrite is given; a file that
    cannot be restored is named, and the others are done all the same. Colour profile and EXIF stay, 16-bit files give
    16-bit PNG files, and alpha is restored apart. Videos need the extra 'video': pip install 'jsnas[video]'.
    """
    from nas.cli.evaluate import side_of_tiles
    from nas.cli.output import wrote
    from nas.registry import load_plugins
    from nas.restoration.files import failed, restore_files
    from nas.restoration.options import RestorationOptions
    from nas.train.loading import load

    load_plugins(plugin)
    if threads:
        import torch

        torch.set_num_threads(threads)
    options = RestorationOptions.from_keywords(
        {
            "device": device or "auto",
            "dtype": dtype,
            "tile": side_of_tiles(tile),
            "overlap": overlap,
            "memory": memory,
            "ensemble": ensemble,
            "batch": batch,
            "plain": plain,
            "format": format.lower().lstrip("."),
            "quality": quality,
            "overwrite": overwrite,
        }
    )
    done = restore_files(load(weights), inputs, out, options, progress=True)
    for note in done.notes:
        typer.echo(f"note: {note}")
    if done.kept:
        typer.echo(f"{len(done.kept)} were there already and are kept; --overwrite restores them again")
    if done.written:
        typer.echo(f"{len(done.written)} restored in {done.seconds:.1f} s, {done.pace:.2f} images/s")
    failure = failed(done)
    if failure is not None:
        raise failure
    wrote(out)
