"""``nas evaluate``: models measured on benchmark sets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nas.cli import options as o
from nas.cli.quantities import parse_bytes, quantity

_Models = Annotated[
    list[str] | None,
    typer.Argument(help="Weights files, run folders, NAME=one of these, or names of models without weights."),
]
_MoreModels = Annotated[
    list[str] | None, typer.Option("--models", help="The same as the argument; several may follow the flag.")
]
_Sets = Annotated[
    list[str] | None,
    typer.Option("--sets", help="Benchmark sets, several after the flag; 'sample' needs no data."),
]
_Protocol = Annotated[
    str | None,
    typer.Option(
        "--protocol", help="A named protocol in place of the task's, e.g. arcnn, dsrir ('nas list protocols')."
    ),
]
_Tile = Annotated[
    str,
    typer.Option(
        "--tile", help="Side of input tiles in pixels, 'none' (whole images), or 'auto': when memory is short."
    ),
]
_Memory = Annotated[
    int | None, quantity("--memory", parse_bytes, "Memory for 'auto' tiles, e.g. 2G; default: what is free.")
]
_Clean = Annotated[
    Path | None, typer.Option("--clean", help="Folder of clean images in place of --data; --sets may name the set.")
]
_Degraded = Annotated[
    Path | None, typer.Option("--degraded", help="Folder of the degraded images that belong to --clean.")
]
_Metrics = Annotated[
    list[str] | None,
    typer.Option("--metric", help="A further metric, also of a plug-in ('nas list metrics'); may be repeated."),
]
_Pairs = Annotated[
    tuple[str, str] | None,
    typer.Option("--pairs", help="Two folders in place of models: finished images (or NAME=folder), and true ones."),
]
_SaveImages = Annotated[Path | None, typer.Option("--save-images", help="Folder for the restored images.")]


def evaluate_command(
    models: _Models = None,
    more: _MoreModels = None,
    sets: _Sets = None,
    task: o.TaskOption = None,
    data: o.BenchmarkDataOption = None,
    clean: _Clean = None,
    degraded: _Degraded = None,
    pairs: _Pairs = None,
    out: o.OutOption = None,
    protocol: _Protocol = None,
    ensemble: Annotated[bool, typer.Option("--ensemble", help="x8 self-ensemble.")] = False,
    tile: _Tile = "auto",
    overlap: Annotated[int, typer.Option("--overlap", min=0, help="Context of tiles in input pixels.")] = 32,
    memory: _Memory = None,
    dtype: Annotated[str, typer.Option("--dtype", help="float32, bfloat16 or float16.")] = "float32",
    latency: Annotated[bool, typer.Option("--latency", help="Also time each network at the task's size.")] = False,
    metric: _Metrics = None,
    save_images: _SaveImages = None,
    plain: Annotated[
        bool, typer.Option("--plain", help="Run networks as written, not their forms for inference.")
    ] = False,
    again: Annotated[bool, typer.Option("--again", help="Measure also what the CSV already has.")] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of noise and other random degradations.")] = 0,
    device: o.DeviceOption = None,
    plugin: o.PluginOption = None,
    threads: o.ThreadsOption = None,
) -> None:
    """Measure models on benchmark sets: one CSV row for each model and set.

    Example: [bold]nas evaluate runs/a/weights.safetensors bicubic --task sr_x2 --sets Set5 Set14 --data benchmarks --out rows.csv[/bold]
    Finished images of any program: [bold]nas evaluate --pairs restored benchmarks/Set5/HR --task sr_x2[/bold]
    A whole matrix: [bold]nas evaluate --models a=runs/a b=runs/b bicubic --sets Set5 Set14 B100 --task sr_x2 --data benchmarks[/bold]

    Finished rows are kept and not measured again; when one measurement fails, the others are made all the same and the
    failure is named at the end.
    """
    from nas.cli.names import named_model, set_names, task_of
    from nas.cli.output import command_line, ends
    from nas.cli.tables import print_rows
    from nas.errors import UsageError
    from nas.evaluation.benchmark_sets import shrunk_sets
    from nas.evaluation.harness import FailedMeasurementsError, evaluate
    from nas.registry import load_plugins
    from nas.tasks import get_task

    load_plugins(plugin)
    if threads:
        import torch

        torch.set_num_threads(threads)
    chosen = [*(models or ()), *(more or ())]
    if pairs is not None:
        _evaluate_pairs(pairs, chosen, task, sets, out or Path("rows.csv"), protocol)
        return
    if not chosen:
        raise UsageError("name at least one model: a weights file, a run folder, or e.g. bicubic")
    target = out or Path("rows.csv")
    chosen_task, names = task or task_of(chosen), set_names(sets, data) if sets else None
    try:
        rows = evaluate(
            [named_model(model) for model in chosen],
            chosen_task,
            names,
            data=data,
            clean=clean,
            degraded=degraded,
            out=target,
            protocol=protocol,
            ensemble=ensemble,
            tile=side_of_tiles(tile),
            overlap=overlap,
            memory=memory,
            dtype=dtype,
            with_latency=latency,
            metrics=tuple(metric or ()),
            save_images=save_images,
            plain=plain,
            again=again,
            seed=seed,
            threads=threads or 1,
            device=device or "auto",
            command=command_line(),
            progress=True,
        )
    except FailedMeasurementsError as failure:
        if failure.rows:
            print_rows(failure.rows)
        raise
    print_rows(rows)
    for name in shrunk_sets(names or [], get_task(chosen_task), data):
        scale = get_task(chosen_task).scale
        typer.echo(
            f"note: the images of {name} were shrunk by {scale} first, to be compared with what is made of them; nothing "
            "is larger than they are. To enlarge photographs as they are: nas restore WEIGHTS PHOTOS --out FOLDER"
        )
    ends(target, "nas", "compare", str(target), "--task", chosen_task)


def _evaluate_pairs(
    pairs: tuple[str, str],
    models: list[str],
    task: str | None,
    sets: list[str] | None,
    out: Path,
    protocol: str | None,
) -> None:
    """The row of finished images."""
    from nas.cli.names import named_model
    from nas.cli.output import begins, command_line, ends
    from nas.cli.tables import print_rows
    from nas.errors import UsageError
    from nas.evaluation.finished_images import evaluate_pairs
    from nas.evaluation.rows import EvaluationRows

    if models:
        raise UsageError(f"--pairs scores finished images, so no model is run; leave {models[0]!r} out")
    if task is None:
        raise UsageError("say what was restored with --task, e.g. --task sr_x2: it decides how the images are scored")
    if sets is not None and len(sets) != 1:
        raise UsageError("--pairs makes one row; give one name with --sets or none")
    begins(f"score the images of {pairs[0]} against {pairs[1]} for {task}; into {out}")
    named = named_model(pairs[0])
    name, folder = (None, named) if isinstance(named, str) else named
    row = evaluate_pairs(
        folder,
        pairs[1],
        task,
        name=name,
        set_name=sets[0] if sets else None,
        protocol=protocol,
        out=out,
        command=command_line(),
        progress=True,
    )
    print_rows(EvaluationRows([row]))
    ends(out, "nas", "compare", str(out), "--task", task)


def side_of_tiles(tile: str) -> int | str | None:
    """The side of tiles in pixels, ``auto``, or None for whole images."""
    from nas.errors import UsageError

    if tile.isdecimal():
        return int(tile)
    if tile not in ("auto", "none"):
        raise UsageError(f"--tile {tile!r} is neither a number of pixels nor 'auto' nor 'none'")
    return None if tile == "none" else tile
