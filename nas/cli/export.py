"""``nas export``: trained weights for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nas.cli import options as o


def export_command(
    weights: Annotated[Path, typer.Argument(help="Weights file.")],
    format: Annotated[str, typer.Option("--format", help="onnx")] = "onnx",
    out: o.OutOption = None,
) -> None:
    """Export trained weights, e.g. to ONNX with free height and width.

    Example: [bold]nas export runs/a/weights.safetensors --format onnx --out jsnet.onnx[/bold]
    """
    from nas.cli.output import wrote
    from nas.errors import UsageError
    from nas.models.export import export_onnx

    if format != "onnx":
        raise UsageError(f"unknown export format {format!r}; known: onnx")
    target = out or weights.with_suffix(".onnx")
    difference = export_onnx(weights, target)
    typer.echo(f"largest difference between torch and onnxruntime: {difference:.2e} (0..255)")
    wrote(target)
