"""nas bench"""

from __future__ import annotations

from typing import Annotated

import typer

from nas.cli import options as o


def register(app: typer.Typer) -> None:
    bench = typer.Typer(no_args_is_help=True, help="Where the time goes, as ratios measured in one run.")
    app.add_typer(bench, name="bench")

    @bench.command(
        "search-step",
        help="Time of a search step by order, relative to a weight step.\n\nExample: [bold]nas bench search-step --cells 3 --batch 2[/bold]",
    )
    def search_step(
        space: o.Space = None,
        task: o.Task = None,
        cells: o.Cells = None,
        batch: o.Batch = None,
        patch: o.Patch = None,
        threads: o.Threads = None,
        repeats: Annotated[int, typer.Option("--repeats", help="Counted repetitions of each mode, interleaved.")] = 5,
    ) -> None:
        from nas.bench.search_step import time_search_steps
        from nas.cli.tables import print_table
        from nas.config.reading import build
        from nas.config.runs import SearchSettings

        settings = build(
            SearchSettings,
            space=space,
            task=task,
            data__batch=batch,
            data__patch=patch,
            threads=threads or 1,
            overrides={"network.cells": cells} if cells else None,
        )
        rows = time_search_steps(settings, repeats)
        print_table(("mode", "CPU s a step", "ratio"), [(m, f"{s:.3f}", f"{r:.2f}") for m, s, r in rows])
        typer.echo(
            f"median of {repeats}, {settings.threads} thread(s), space {settings.space}, batch {settings.data.batch}, target patch {settings.data.patch}"
        )

    @bench.command(
        "data",
        help="Step time with real loading, from files and from the memory-mapped cache, against preloaded tensors.\n\n"
        "Example: [bold]nas bench data --task sr_x2 --data photos --workers 2[/bold]",
    )
    def data(
        model: Annotated[str, typer.Argument(help="What is trained: a genotype or a baseline.")] = "jsnet_released",
        task: o.Task = None,
        data: o.Data = None,
        workers: Annotated[int, typer.Option("--workers", help="Loading processes.")] = 2,
        cells: o.Cells = None,
        batch: o.Batch = None,
        patch: o.Patch = None,
        device: o.Device = None,
        threads: o.Threads = None,
        rounds: Annotated[int, typer.Option("--rounds", help="Turns of each way of loading; one ratio a round.")] = 10,
        block: Annotated[int, typer.Option("--block", help="Timed steps of a turn.")] = 10,
    ) -> None:
        from nas.bench.loading import time_loading
        from nas.cli.tables import print_table
        from nas.config.reading import build
        from nas.config.runs import RetrainSettings
        from nas.progress import progress

        settings = build(
            RetrainSettings,
            model=model,
            task=task,
            data__path=data,
            data__workers=workers,
            data__batch=batch,
            data__patch=patch,
            device=device,
            threads=threads,
            network={"cells": cells} if cells else None,
        )
        with progress("bench data", 4 * (rounds + 1)) as bar:
            rows = time_loading(settings, rounds, block, bar)
        print_table(
            ("data from", "ms a step", "ratio", "quartiles"),
            [(r.source, f"{r.seconds * 1e3:.1f}", f"{r.ratio:.3f}", f"{r.low:.3f} to {r.high:.3f}") for r in rows],
        )
        typer.echo(
            f"median of {rounds} turns of {block} steps, {settings.model}, {settings.task}, batch {settings.data.batch}, target patch {settings.data.patch}, {settings.device}"
        )

    @bench.command(
        "models",
        help="Latency of models on random input.\n\nExample: [bold]nas bench models jsnet bicubic --task sr_x2[/bold]",
    )
    def models(
        names: Annotated[list[str], typer.Argument(help="Baselines or weights files.")],
        task: o.Task = None,
        size: Annotated[str, typer.Option("--size", help="Input size, WIDTHxHEIGHT.")] = "160x120",
        device: o.Device = None,
        threads: o.Threads = None,
        dtype: Annotated[str, typer.Option("--dtype", help="float32, bfloat16 or float16.")] = "float32",
        channels_last: Annotated[bool, typer.Option(help="Order of the tensors in memory.")] = True,
        compile: Annotated[bool, typer.Option("--compile", help="Through torch.compile.")] = False,
        cuda_graph: Annotated[bool, typer.Option("--cuda-graph", help="Record once and replay (CUDA).")] = False,
        memory: Annotated[
            bool, typer.Option("--memory", help="Peak memory too; on the CPU of a process of its own.")
        ] = False,
        repeats: Annotated[int, typer.Option("--repeats", help="Timed runs of each model.")] = 20,
        warmup: Annotated[int, typer.Option("--warmup", help="Runs before them.")] = 3,
    ) -> None:
        from nas.cli.profile import _network
        from nas.cli.tables import print_table
        from nas.errors import UsageError
        from nas.profiling.latency import measure

        width, _, height = size.partition("x")
        if not (width.isdigit() and height.isdigit()):
            raise UsageError(f"--size {size!r} is not WIDTHxHEIGHT, e.g. 160x120")
        found = [
            (
                name,
                measure(
                    _network(name, task or "sr_x2", []),
                    int(height),
                    int(width),
                    device=device or "cpu",
                    dtype=dtype,
                    channels_last=channels_last,
                    compile=compile,
                    cuda_graph=cuda_graph,
                    threads=threads or 1,
                    peak_memory=memory,
                    repeats=repeats,
                    warmup=warmup,
                ),
            )
            for name in names
        ]
        first = found[0][1].median_ms
        print_table(
            ("model", "input", "median ms", "IQR ms", "ratio", "peak MiB", "device", "dtype"),
            [
                (
                    n,
                    m.size,
                    f"{m.median_ms:.2f}",
                    f"{m.spread_ms:.2f}",
                    f"{m.median_ms / first:.2f}",
                    "" if m.peak_memory_mib is None else f"{m.peak_memory_mib:.0f}",
                    m.device,
                    m.dtype,
                )
                for n, m in found
            ],
        )
        ways = [
            w for w, on in (("channels last", channels_last), ("compiled", compile), ("CUDA graph", cuda_graph)) if on
        ]
        threaded = f", {found[0][1].threads} thread(s)" if found[0][1].threads else ""
        typer.echo(f"median and interquartile range of {repeats} runs{threaded}{''.join(', ' + w for w in ways)}")
