"""nas import"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nas.cli import options as o


def register(app: typer.Typer) -> None:
    @app.command(
        "import",
        help="Convert an official checkpoint into our weights file, strictly.\n\nExample: [bold]nas import jsnet model_best.pt --task sr_x2 --out jsnet_x2.safetensors[/bold]",
    )
    def import_checkpoint(
        model: Annotated[str, typer.Argument(help="Baseline the checkpoint belongs to.")],
        checkpoint: Annotated[
            Path, typer.Argument(help="Official .pt/.pth or .safetensors file; nothing in it is executed.")
        ],
        task: o.Task = None,
        out: o.Out = None,
    ) -> None:
        from nas.models.importing import import_official

        target = out or Path(f"{model}_{task or checkpoint.stem}.safetensors")
        loaded = import_official(model, checkpoint, task, target)
        typer.echo(f"{loaded.parameters:,} parameters, weights {loaded.weights_hash}, task {loaded.task}")
        o.wrote(target)
