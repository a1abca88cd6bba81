"""``nas export``: trained weights for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nas.cli import options as o

if TYPE_CHECKING:
    from nas.models.export import ExportResult


def export_command(
    weights: Annotated[Path, typer.Argument(help="Weights file, or the run folder of a training.")],
    format: Annotated[str, typer.Option("--format", help="onnx, torchscript, pt2 or ncnn")] = "onnx",
    range: Annotated[
        str,
        typer.Option(
            "--range",
            help="0..1: input and output on 0..1, output clamped; native: the network's own range, not clamped",
        ),
    ] = "0..1",
    opset: Annotated[int | None, typer.Option("--opset", help="operator set of an ONNX file (default: 18)")] = None,
    dtype: Annotated[str, typer.Option("--dtype", help="float32 or float16")] = "float32",
    plugin: o.PluginOption = None,
    out: o.OutOption = None,
) -> None:
    """Export trained weights to ONNX, TorchScript, pt2 or ncnn, with free batch, height and width.

    The file takes and gives RGB images (N, C, H, W) on 0..1 and clamps what it gives; with --range native it works on
    the network's own range, most often 0..255, and does not clamp. It is run and compared with torch before it is kept.

    Example: [bold]nas export runs/a/weights.safetensors --format onnx --out jsnet.onnx[/bold]
    """
    from nas.cli.output import begins, wrote
    from nas.errors import UsageError, did_you_mean
    from nas.models.export import FORMATS, export
    from nas.registry import load_plugins
    from nas.train.loading import weights_file

    load_plugins(plugin)
    if format not in FORMATS:
        raise UsageError(f"unknown export format {format!r}; {did_you_mean(format, FORMATS)}")
    source = weights_file(weights)
    target = out or source.with_suffix(FORMATS[format])
    if target.suffix.lower() != FORMATS[format] or target.is_dir():
        raise UsageError(
            f"--out {str(target)!r} does not fit: what is written is {format.upper()}, so give a file name that ends in "
            f"{FORMATS[format]}"
        )
    begins(f"export {source} to {format}, values {range}, {dtype}; into {target}")
    result = export(source, target, format, range=range, opset=opset, dtype=dtype)
    for line in _report(result):
        typer.echo(line)
    wrote(target)


def _report(result: ExportResult) -> tuple[str, ...]:
    parity, timing = result.parity, result.timing
    sizes = ", ".join(" x ".join(map(str, shape)) for shape in parity.shapes)
    return (
        result.interface,
        f"largest difference between torch and {timing.runtime}: {parity.difference:.2e} (0..255; at {sizes})",
        f"an image of {timing.side} x {timing.side} pixels takes {timing.ms:.1f} ms in {timing.runtime}, "
        f"{timing.torch_ms:.1f} ms in torch ({timing.threads} thread{'s' if timing.threads > 1 else ''} each)",
    )
