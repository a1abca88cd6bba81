"""``nas import``: official checkpoints converted into our weights files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nas.cli import options as o

_Key = Annotated[
    str | None,
    typer.Option("--key", help="Where in the file the weights are, dotted: params_ema, model.state_dict."),
]


def import_command(
    model: Annotated[str, typer.Argument(help="Baseline that the checkpoint is for.")],
    checkpoint: Annotated[
        Path, typer.Argument(help="Official .pt/.pth or .safetensors file; nothing in it is executed.")
    ],
    task: o.TaskOption = None,
    key: _Key = None,
    plugin: o.PluginOption = None,
    out: o.OutOption = None,
) -> None:
    """Convert an official checkpoint into a jsnas weights file; every tensor must be used.

    Averaged weights (params_ema, state_dict_ema, generator_ema) are taken where both are there, and usual wrappings
    (module., _orig_mod., generator.) are undone; the first line says what was taken.

    Example: [bold]nas import jsnet model_best.pt --task sr_x2 --out jsnet_x2.safetensors[/bold]
    """
    from nas.cli.networks import reference_words
    from nas.cli.output import begins, cost_line, ends
    from nas.models.importing import import_official
    from nas.models.weights import load_weights
    from nas.registry import load_plugins
    from nas.tasks import get_task

    load_plugins(plugin)
    target = out or Path(f"{model}_{task or checkpoint.stem}.safetensors")
    begins(f"import {checkpoint} as {model}{f' for {task}' if task else ''}; into {target}", checkpoint)
    loaded = import_official(model, checkpoint, task, target, key)
    typer.echo(f"{checkpoint.name}: {loaded.taken}")
    typer.echo(f"{loaded.parameters:,} parameters, weights {loaded.weights_hash}, task {loaded.task}")
    chosen = get_task(loaded.task)
    cost = cost_line(load_weights(target).model, chosen)
    ends(target, "nas", "evaluate", str(target), *reference_words(chosen), "--task", chosen.name, cost=cost)
