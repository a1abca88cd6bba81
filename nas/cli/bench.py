"""``nas bench search-step``, ``nas bench data`` and ``nas bench models``: measurements of the platform itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from nas.cli import options as o
from nas.cli.quantities import ImageSize, parse_size, quantity

if TYPE_CHECKING:
    from nas.profiling.latency import Latency

_Size = Annotated[ImageSize, quantity("--size", parse_size, "Input size in pixels.")]
_Memory = Annotated[bool, typer.Option("--memory", help="Peak memory too; on the CPU of a process of its own.")]


def search_step_command(
    space: o.SpaceOption = None,
    task: o.TaskOption = None,
    cells: o.CellsOption = None,
    batch: o.BatchOption = None,
    patch: o.PatchOption = None,
    threads: o.ThreadsOption = None,
    repeats: Annotated[int, typer.Option("--repeats", help="Counted repetitions of each mode, interleaved.")] = 5,
    plugin: o.PluginOption = None,
) -> None:
    """Time of a search step by order, relative to a weight step.

    Example: [bold]nas bench search-step --cells 3 --batch 2[/bold]
    """
    given = dict(locals())
    from nas.bench.search_step import time_search_steps
    from nas.cli.flags import settings_from
    from nas.cli.tables import print_table
    from nas.config.runs import SearchSettings

    settings = settings_from(SearchSettings, "bench search-step", {**given, "threads": threads or 1})
    rows = time_search_steps(settings, repeats)
    print_table(("mode", "CPU s a step", "ratio"), [(m, f"{s:.3f}", f"{r:.2f}") for m, s, r in rows])
    typer.echo(
        f"median of {repeats}, {settings.threads} thread(s), space {settings.space}, batch {settings.data.batch}, target patch {settings.data.patch}"
    )


def data_command(
    model: Annotated[str, typer.Argument(help="What is trained: a genotype or a baseline.")] = "jsnet_released",
    task: o.TaskOption = None,
    data: o.DataOption = None,
    workers: Annotated[int, typer.Option("--workers", help="Loading processes.")] = 2,
    cells: o.CellsOption = None,
    batch: o.BatchOption = None,
    patch: o.PatchOption = None,
    device: o.DeviceOption = None,
    threads: o.ThreadsOption = None,
    rounds: Annotated[int, typer.Option("--rounds", help="Turns of each way of loading; one ratio a round.")] = 10,
    block: Annotated[int, typer.Option("--block", help="Timed steps of a turn.")] = 10,
    plugin: o.PluginOption = None,
) -> None:
    """Step time with loading from files and from the memory-mapped cache, against preloaded tensors.

    Example: [bold]nas bench data --task sr_x2 --data photos --workers 2[/bold]
    """
    given = dict(locals())
    from nas.bench.loading import time_loading
    from nas.cli.flags import settings_from
    from nas.cli.tables import print_table
    from nas.config.runs import RetrainSettings
    from nas.progress import progress
    from nas.registry import load_plugins

    load_plugins(plugin)
    settings = settings_from(RetrainSettings, "bench data", given)
    with progress("bench data", 4 * (rounds + 1)) as bar:
        rows = time_loading(settings, rounds, block, bar)
    print_table(
        ("data from", "ms a step", "ratio", "quartiles"),
        [(r.source, f"{r.seconds * 1e3:.1f}", f"{r.ratio:.3f}", f"{r.low:.3f} to {r.high:.3f}") for r in rows],
    )
    typer.echo(
        f"median of {rounds} turns of {block} steps, {settings.model}, {settings.task}, batch {settings.data.batch}, target patch {settings.data.patch}, {settings.device}"
    )


def models_command(
    names: Annotated[list[str], typer.Argument(help="Baselines or weights files.")],
    task: o.TaskOption = None,
    size: _Size = ImageSize(160, 120),
    device: o.DeviceOption = None,
    threads: o.ThreadsOption = None,
    dtype: Annotated[str, typer.Option("--dtype", help="float32, bfloat16 or float16.")] = "float32",
    channels_last: Annotated[bool, typer.Option(help="Order of the tensors in memory.")] = True,
    compile: Annotated[bool, typer.Option("--compile", help="Through torch.compile.")] = False,
    cuda_graph: Annotated[bool, typer.Option("--cuda-graph", help="Record once and replay (CUDA).")] = False,
    memory: _Memory = False,
    repeats: Annotated[int, typer.Option("--repeats", help="Timed runs of each model.")] = 20,
    warmup: Annotated[int, typer.Option("--warmup", help="Runs before them.")] = 3,
    plugin: o.PluginOption = None,
) -> None:
    """Latency of models on random input.

    Example: [bold]nas bench models jsnet bicubic --task sr_x2[/bold]
    """
    from nas.cli.networks import network_of
    from nas.profiling.latency import LatencyOptions, measure_latency
    from nas.registry import load_plugins

    load_plugins(plugin)
    options = LatencyOptions(
        device=device or "cpu",
        dtype=dtype,
        channels_last=channels_last,
        compile=compile,
        cuda_graph=cuda_graph,
        threads=threads or 1,
        peak_memory=memory,
        repeats=repeats,
        warmup=warmup,
    )
    found = [measure_latency(network_of(name, task or "sr_x2"), size.height, size.width, options) for name in names]
    _print_latencies(names, found)
    ways = [w for w, on in (("channels last", channels_last), ("compiled", compile), ("CUDA graph", cuda_graph)) if on]
    threaded = f", {found[0].threads} thread(s)" if found[0].threads else ""
    typer.echo(f"median and interquartile range of {repeats} runs{threaded}{''.join(', ' + w for w in ways)}")


def _print_latencies(names: list[str], found: list[Latency]) -> None:
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
