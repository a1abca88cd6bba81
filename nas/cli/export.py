"""``nas export``: trained weights for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nas.cli import options as o

if TYPE_CHECKING:
    from nas.models.descriptor import ModelDescriptor

#: format -> ending of its files
ENDINGS = {"onnx": ".onnx"}


def export_command(
    weights: Annotated[Path, typer.Argument(help="Weights file, or the run folder of a training.")],
    format: Annotated[str, typer.Option("--format", help="onnx")] = "onnx",
    plugin: o.PluginOption = None,
    out: o.OutOption = None,
) -> None:
    """Export trained weights, e.g. to ONNX with free height and width.

    The file takes and gives images on the network's own value range, most often 0..255 (not 0..1), RGB, one at a time,
    and does not clamp what it gives; the last lines of the command say which range it is.

    Example: [bold]nas export runs/a/weights.safetensors --format onnx --out jsnet.onnx[/bold]
    """
    from nas.cli.output import wrote
    from nas.errors import UsageError, did_you_mean
    from nas.models.export import export_onnx
    from nas.models.weights import read_descriptor
    from nas.registry import load_plugins
    from nas.train.loading import weights_file

    load_plugins(plugin)
    if format not in ENDINGS:
        raise UsageError(f"unknown export format {format!r}; {did_you_mean(format, ENDINGS)}")
    source = weights_file(weights)
    target = out or source.with_suffix(ENDINGS[format])
    if target.suffix.lower() != ENDINGS[format] or target.is_dir():
        raise UsageError(
            f"--out {str(target)!r} does not fit: what is written is {format.upper()}, so give a file name that ends in "
            f"{ENDINGS[format]}"
        )
    difference = export_onnx(source, target)
    typer.echo(_interface(read_descriptor(source)))
    typer.echo(f"largest difference between torch and onnxruntime: {difference:.2e} (0..255)")
    wrote(target)


def _interface(descriptor: ModelDescriptor) -> str:
    """What another program must feed the file, and what it gets."""
    colours = "RGB" if descriptor.channels == 3 else "grey"
    multiple = descriptor.size_multiple
    sides = f"any height and width that are multiples of {multiple}" if multiple > 1 else "any height and width"
    peak = f"{descriptor.value_range:g}"
    return (
        f"input 'image' (1, {descriptor.channels}, H, W) and output 'restored': {colours} on 0..{peak}, {sides}; "
        "the output is not clamped"
    )
