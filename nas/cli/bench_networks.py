"""``nas bench train``, ``models`` and ``restore``: measurements of networks in training and in inference."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from nas.cli import options as o
from nas.cli.quantities import ImageSize, parse_size, quantity

if TYPE_CHECKING:
    from nas.bench.models import ModelTime
    from nas.profiling.latency import Latency, LatencyOptions

_Size = Annotated[ImageSize, quantity("--size", parse_size, "Input size in pixels.")]
_Memory = Annotated[bool, typer.Option("--memory", help="Peak memory too; on the CPU of a process of its own.")]
_Json = Annotated[bool, typer.Option("--json", help="Print all figures as JSON instead of a table.")]


def train_command(
    model: Annotated[str, typer.Argument(help="What is trained: a genotype or a baseline.")] = "jsnet_released",
    task: o.TaskOption = None,
    data: o.DataOption = None,
    workers: Annotated[int, typer.Option("--workers", min=0, help="Loading processes.")] = 2,
    cells: o.CellsOption = None,
    batch: o.BatchOption = None,
    patch: o.PatchOption = None,
    device: o.DeviceOption = None,
    threads: o.ThreadsOption = None,
    timed: Annotated[int, typer.Option("--timed-steps", min=1, help="Steps that are timed.")] = 20,
    plugin: o.PluginOption = None,
    as_json: _Json = False,
) -> None:
    """Images a second in training, and the shares of data, forward, backward, optimiser and logging.

    Example: [bold]nas bench train jsnet_released --task sr_x2 --data photos --workers 2[/bold]
    """
    given = dict(locals())
    from nas.bench.train import time_training
    from nas.cli.flags import settings_from
    from nas.cli.tables import print_table
    from nas.config.runs import RetrainSettings
    from nas.progress import progress
    from nas.registry import load_plugins

    load_plugins(plugin)
    settings = settings_from(RetrainSettings, "bench train", {**given, "threads": threads or 1})
    with progress("bench train", timed + 2 * workers + 2, quiet=as_json) as bar:
        found = time_training(settings, timed, bar)
    if as_json:
        typer.echo(json.dumps({**asdict(found), "task": settings.task}))
        return
    print_table(
        ("part of a step", "ms", "share"),
        [(part, f"{s * found.step_seconds * 1e3:.1f}", f"{s:.1%}") for part, s in found.shares.items()],
    )
    typer.echo(
        f"{found.images_per_second:.1f} images a second; {found.steps} steps of {found.step_seconds * 1e3:.0f} ms, "
        f"{found.model}, {settings.task}, batch {found.batch}, target patch {found.patch}, {found.threads} thread(s), {found.device}"
    )


def models_command(
    names: Annotated[list[str], typer.Argument(help="Baselines, genotypes, run folders or weights files.")],
    task: o.TaskOption = None,
    size: _Size = ImageSize(160, 120),
    device: o.DeviceOption = None,
    threads: o.ThreadsOption = None,
    dtype: Annotated[str, typer.Option("--dtype", help="float32, bfloat16 or float16.")] = "float32",
    channels_last: Annotated[
        bool, typer.Option(help="Order of the tensors in memory, in the table of latencies.")
    ] = True,
    compile: Annotated[bool, typer.Option("--compile", help="Through torch.compile.")] = False,
    cuda_graph: Annotated[bool, typer.Option("--cuda-graph", help="Record once and replay (CUDA).")] = False,
    memory: _Memory = False,
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="Timed runs of each model.")] = 20,
    warmup: Annotated[int, typer.Option("--warmup", min=0, help="Runs before them, in the table of latencies.")] = 3,
    plugin: o.PluginOption = None,
    as_json: _Json = False,
) -> None:
    """Compare the speed of networks as written (eager, NCHW) with that of their forms for inference, on random input.

    Example: [bold]nas bench models jsnet dsrir --memory[/bold]

    With --compile, --cuda-graph or another --dtype than float32, which the forms for inference have no part in: a
    table of latencies, with the ratio to the first model.
    """
    from nas.cli.networks import first_task, network_of
    from nas.registry import load_plugins

    load_plugins(plugin)
    networks = [(name, network_of(name, task or first_task(name))) for name in names]
    if compile or cuda_graph or dtype != "float32":
        from nas.profiling.latency import LatencyOptions, measure_latency

        options = LatencyOptions(
            device=o.device_to_time(device),
            dtype=dtype,
            channels_last=channels_last,
            compile=compile,
            cuda_graph=cuda_graph,
            threads=threads or 1,
            peak_memory=memory,
            repeats=repeats,
            warmup=warmup,
        )
        found = [measure_latency(network, size.height, size.width, options) for _, network in networks]
        if as_json:
            typer.echo(json.dumps([{"model": n, **asdict(m)} for n, m in zip(names, found, strict=True)]))
        else:
            _print_latencies(names, found, options)
        return
    from nas.bench.models import time_model

    chosen = {"rounds": repeats, "threads": threads or 1, "device": o.device_to_time(device), "memory": memory}
    rows = [time_model(name, network, size.height, size.width, **chosen) for name, network in networks]  # type: ignore[arg-type]
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in rows]))
    else:
        _print_comparison(rows, repeats)


def restore_command(
    names: Annotated[list[str], typer.Argument(help="Baselines, genotypes, run folders or weights files.")],
    task: o.TaskOption = None,
    size: _Size = ImageSize(160, 120),
    images: Annotated[int, typer.Option("--images", min=1, help="Photographs in each round.")] = 8,
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="Rounds that are counted.")] = 5,
    device: o.DeviceOption = None,
    threads: o.ThreadsOption = None,
    plugin: o.PluginOption = None,
    as_json: _Json = False,
) -> None:
    """Images per second of 'nas restore', from file to file, compared with a bare loop.

    Example: [bold]nas bench restore jsnet --task sr_x2 --size 160x120[/bold]
    """
    from nas.bench.restore import time_restoring
    from nas.cli.networks import first_task, network_of
    from nas.cli.tables import print_table
    from nas.registry import load_plugins

    load_plugins(plugin)
    rows = [
        time_restoring(
            name,
            network_of(name, task or first_task(name)),
            size.height,
            size.width,
            images=images,
            rounds=repeats,
            threads=threads or 1,
            device=o.device_to_time(device),
        )
        for name in names
    ]
    if as_json:
        typer.echo(json.dumps([asdict(row) for row in rows]))
        return
    print_table(
        ("model", "input", "bare images/s", "nas restore images/s", "ratio", "quartiles"),
        [
            (
                row.model,
                row.size,
                f"{row.bare_pace:.2f}",
                f"{row.pace:.2f}",
                f"{row.ratio:.2f}",
                f"{row.low:.2f} to {row.high:.2f}",
            )
            for row in rows
        ],
    )
    typer.echo(
        f"median of {repeats} rounds of {images} PNG files, CPU seconds (wall on CUDA), {rows[0].threads} thread(s), {rows[0].device}"
    )


def _print_comparison(rows: list[ModelTime], repeats: int) -> None:
    """One line for each model."""
    from nas.cli.tables import print_table

    def mib(value: float | None) -> str:
        return "" if value is None else f"{value:.0f}"

    print_table(
        ("model", "input", "eager s", "optimised s", "ratio", "quartiles", "eager MiB", "optimised MiB", "ratio"),
        [
            (
                row.model,
                row.size,
                f"{row.seconds:.4f}",
                f"{row.optimised_seconds:.4f}",
                f"{row.ratio:.2f}",
                f"{row.low:.2f} to {row.high:.2f}",
                mib(row.memory_mib),
                mib(row.optimised_memory_mib),
                "" if row.memory_ratio is None else f"{row.memory_ratio:.2f}",
            )
            for row in rows
        ],
    )
    typer.echo(f"median of {repeats} rounds, CPU seconds (wall on CUDA), {rows[0].threads} thread(s), {rows[0].device}")


def _print_latencies(names: list[str], found: list[Latency], options: LatencyOptions) -> None:
    """One line for each model; ratios to the first."""
    from nas.cli.tables import print_table

    print_table(
        ("model", "input", "median ms", "IQR ms", "ratio", "peak MiB", "device", "dtype"),
        [
            (
                name,
                m.size,
                f"{m.median_ms:.2f}",
                f"{m.spread_ms:.2f}",
                f"{m.median_ms / found[0].median_ms:.2f}",
                "" if m.peak_memory_mib is None else f"{m.peak_memory_mib:.0f}",
                m.device,
                m.dtype,
            )
            for name, m in zip(names, found, strict=True)
        ],
    )
    given = {"channels last": options.channels_last, "compiled": options.compile, "CUDA graph": options.cuda_graph}
    threaded = f", {found[0].threads} thread(s)" if found[0].threads else ""
    ways = "".join(f", {way}" for way, on in given.items() if on)
    typer.echo(f"median and interquartile range of {options.repeats} runs{threaded}{ways}")
