"""``nas import``: official checkpoints converted into our weights files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nas.cli import options as o


def import_command(
    model: Annotated[str, typer.Argument(help="Baseline the checkpoint belongs to.")],
    checkpoint: Annotated[
        Path, typer.Argument(help="Official .pt/.pth or .safetensors file; nothing in it is executed.")
    ],
    task: o.TaskOption = None,
    out: o.OutOption = None,
) -> None:
    """Convert an official checkpoint into our weights file, strictly.

    Example: [bold]nas import jsnet model_best.pt --task sr_x2 --out jsnet_x2.safetensors[/bold]
    """
    from nas.cli.output import wrote
    from nas.models.importing import import_official

    target = out or Path(f"{model}_{task or checkpoint.stem}.safetensors")
    loaded = import_official(model, checkpoint, task, target)
    typer.echo(f"{loaded.parameters:,} parameters, weights {loaded.weights_hash}, task {loaded.task}")
    wrote(target)
