"""nas export"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nas.cli import options as o


def register(app: typer.Typer) -> None:
    @app.command(
        help="Export trained weights, e.g. to ONNX with free height and width.\n\nExample: [bold]nas export runs/a/weights.safetensors --format onnx --out jsnet.onnx[/bold]"
    )
    def export(
        weights: Annotated[Path, typer.Argument(help="Weights file.")],
        format: Annotated[str, typer.Option("--format", help="onnx")] = "onnx",
        out: o.Out = None,
    ) -> None:
        from nas.errors import UsageError
        from nas.models.export import export_onnx

        if format != "onnx":
            raise UsageError(f"unknown export format {format!r}; known: onnx")
        target = out or weights.with_suffix(".onnx")
        difference = export_onnx(weights, target)
        typer.echo(f"largest difference between torch and onnxruntime: {difference:.2e} (0..255)")
        o.wrote(target)
