"""nas evaluate"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nas.cli import options as o

EXAMPLE = """Measure models on benchmark sets: one CSV row a model and set.

Example: [bold]nas evaluate runs/a/weights.safetensors bicubic --task sr_x2 --sets Set5 --sets Set14 --data benchmarks --out rows.csv[/bold]"""


def register(app: typer.Typer) -> None:
    @app.command(help=EXAMPLE)
    def evaluate(
        models: Annotated[list[str], typer.Argument(help="Weights files, NAME=weights file, or names of models.")],
        sets: Annotated[
            list[str] | None,
            typer.Option(
                "--sets",
                help="Benchmark sets (may be repeated, or several in one, comma separated); 'sample' needs no data.",
            ),
        ] = None,
        task: o.Task = None,
        data: Annotated[Path | None, typer.Option("--data", "-d", help="Folder that holds the benchmark sets.")] = None,
        out: o.Out = None,
        ensemble: Annotated[bool, typer.Option("--ensemble", help="x8 self-ensemble.")] = False,
        tile: Annotated[
            int | None, typer.Option("--tile", help="Side of input tiles in pixels; default: whole images.")
        ] = None,
        save_images: Annotated[
            Path | None, typer.Option("--save-images", help="Folder for the restored images.")
        ] = None,
        again: Annotated[bool, typer.Option("--again", help="Measure also what the CSV already has.")] = False,
        device: o.Device = None,
        plugin: o.Plugin = None,
        threads: o.Threads = None,
    ) -> None:
        from nas.cli.tables import print_rows
        from nas.evaluate.harness import evaluate as run_evaluate
        from nas.registry import load_plugin

        for name in plugin or ():
            load_plugin(name)
        if threads:
            import torch

            torch.set_num_threads(threads)
        task = task or _task_of(models)
        names = [part for text in sets or ["sample"] for part in text.replace(",", " ").split()]
        target = out or Path("rows.csv")
        rows = run_evaluate(
            [_named(model) for model in models], task, names, data=data, out=target, ensemble=ensemble, tile=tile, save_images=save_images,
            again=again, device=device or "cpu", command=o.command_line(), progress=True,
        )  # fmt: skip
        print_rows(rows)
        o.wrote(target)


def _named(model: str) -> str | tuple[str, str]:
    """``name=path`` gives a weights file the name it has in rows and figures."""
    name, sign, path = model.partition("=")
    return (name, path) if sign and name and path else model


def _task_of(models: list[str]) -> str:
    from nas.errors import UsageError
    from nas.weights import read_metadata

    for model in models:
        if model.endswith(".safetensors"):
            return read_metadata(model.partition("=")[2] or model)["task"]
    raise UsageError("say what is restored with --task, e.g. --task sr_x2")
