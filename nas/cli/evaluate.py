"""nas evaluate"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nas.cli import options as o

EXAMPLE = """Measure models on benchmark sets: one CSV row a model and set.

Example: [bold]nas evaluate runs/a/weights.safetensors bicubic --task sr_x2 --sets Set5 Set14 --data benchmarks --out rows.csv[/bold]
A whole matrix: [bold]nas evaluate --models a=runs/a b=runs/b bicubic --sets Set5 Set14 B100 --task sr_x2 --data benchmarks[/bold]

Finished rows are kept and not measured again; a cell that fails is named at the end and the others are done."""


def register(app: typer.Typer) -> None:
    @app.command(help=EXAMPLE)
    def evaluate(
        models: Annotated[
            list[str] | None,
            typer.Argument(help="Weights files, run folders, NAME=one of these, or names of models without weights."),
        ] = None,
        more: Annotated[
            list[str] | None, typer.Option("--models", help="The same as the argument; several may follow the flag.")
        ] = None,
        sets: Annotated[
            list[str] | None,
            typer.Option("--sets", help="Benchmark sets, several after the flag; 'sample' needs no data."),
        ] = None,
        task: o.Task = None,
        data: Annotated[Path | None, typer.Option("--data", "-d", help="Folder that holds the benchmark sets.")] = None,
        out: o.Out = None,
        protocol: Annotated[
            str | None,
            typer.Option(
                "--protocol", help="A named protocol in place of the task's, e.g. arcnn, dsrir ('nas list protocols')."
            ),
        ] = None,
        ensemble: Annotated[bool, typer.Option("--ensemble", help="x8 self-ensemble.")] = False,
        tile: Annotated[
            str,
            typer.Option(
                "--tile", help="Side of input tiles in pixels, 'none' (whole images), or 'auto': when memory is short."
            ),
        ] = "auto",
        overlap: Annotated[int, typer.Option("--overlap", help="Context of tiles in input pixels.")] = 32,
        memory: Annotated[
            str | None, typer.Option("--memory", help="Memory for 'auto' tiles, e.g. 2G; default: what is free.")
        ] = None,
        dtype: Annotated[str, typer.Option("--dtype", help="float32, bfloat16 or float16.")] = "float32",
        latency: Annotated[bool, typer.Option("--latency", help="Also time each network at the task's size.")] = False,
        save_images: Annotated[
            Path | None, typer.Option("--save-images", help="Folder for the restored images.")
        ] = None,
        again: Annotated[bool, typer.Option("--again", help="Measure also what the CSV already has.")] = False,
        seed: Annotated[int, typer.Option("--seed", help="Seed of noise and other drawn degradations.")] = 0,
        device: o.Device = None,
        plugin: o.Plugin = None,
        threads: o.Threads = None,
    ) -> None:
        from nas.cli.quantities import count
        from nas.cli.tables import print_rows
        from nas.errors import UsageError
        from nas.evaluation.harness import FailedCellsError
        from nas.evaluation.harness import evaluate as run_evaluate
        from nas.registry import load_plugins

        load_plugins(plugin)
        if threads:
            import torch

            torch.set_num_threads(threads)
        chosen = [*(models or ()), *(more or ())]
        if not chosen:
            raise UsageError("name at least one model: a weights file, a run folder, or e.g. bicubic")
        if tile not in ("auto", "none") and not tile.isdecimal():
            raise UsageError(f"--tile {tile!r} is neither a number of pixels nor 'auto' nor 'none'")
        names = [name for text in sets for name in _sets(text, data)] if sets else None
        target = out or Path("rows.csv")
        limit = count(memory, "--memory")
        try:
            rows = run_evaluate(
                [_named(model) for model in chosen],
                task or _task_of(chosen),
                names,
                data=data,
                out=target,
                protocol=protocol,
                ensemble=ensemble,
                tile={"auto": "auto", "none": None}.get(tile, int(tile) if tile.isdecimal() else None),
                overlap=overlap,
                memory=None if limit is None else int(limit),
                dtype=dtype,
                with_latency=latency,
                save_images=save_images,
                again=again,
                seed=seed,
                threads=threads or 1,
                device=device or "cpu",
                command=o.command_line(),
                progress=True,
            )
        except FailedCellsError as failure:
            if failure.rows:
                print_rows(failure.rows)
            raise
        print_rows(rows)
        o.wrote(target)


def _sets(text: str, data: Path | None) -> list[str]:
    """Names parted by commas or blanks; a folder that has blanks in its name is one name."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    whole = [data is not None and ((data / p).is_dir() or (data / "benchmarks" / p).is_dir()) for p in parts]
    return [name for part, one in zip(parts, whole, strict=True) for name in ([part] if one else part.split())]


def _named(model: str) -> str | tuple[str, str]:
    """``name=path`` gives a weights file the name it has in rows and figures."""
    name, sign, path = model.partition("=")
    return (name, path) if sign and name and path and not Path(model).exists() else model


def _task_of(models: list[str]) -> str:
    from nas.errors import UsageError
    from nas.models.weights import read_metadata

    for model in models:
        named = _named(model)
        path = Path(named if isinstance(named, str) else named[1])
        path = path / "weights.safetensors" if path.is_dir() else path
        if path.suffix == ".safetensors":
            return read_metadata(path)["task"]
    raise UsageError("say what is restored with --task, e.g. --task sr_x2")
