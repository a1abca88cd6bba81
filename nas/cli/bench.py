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
        from nas.cli.tables import print_table
        from nas.config import SearchSettings, build
        from nas.strategies.bench import time_search_steps

        settings = build(
            SearchSettings, space=space, task=task, data__batch=batch, data__patch=patch, threads=threads or 1,
            overrides={"network.cells": cells} if cells else None,
        )  # fmt: skip
        rows = time_search_steps(settings, repeats)
        print_table(("mode", "CPU s a step", "ratio"), [(m, f"{s:.3f}", f"{r:.2f}") for m, s, r in rows])
        typer.echo(
            f"median of {repeats}, {settings.threads} thread(s), space {settings.space}, batch {settings.data.batch}, target patch {settings.data.patch}"
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
    ) -> None:
        from nas.cli.profile import _network
        from nas.cli.tables import print_table
        from nas.evaluate.latency import measure

        width, _, height = size.partition("x")
        found = [
            (
                n,
                measure(
                    _network(n, task or "sr_x2", []),
                    int(height),
                    int(width),
                    device=device or "cpu",
                    threads=threads or 1,
                ),
            )
            for n in names
        ]
        first = found[0][1].median_ms
        print_table(
            ("model", "median ms", "IQR ms", "ratio", "device"),
            [(n, f"{m.median_ms:.2f}", f"{m.spread_ms:.2f}", f"{m.median_ms / first:.2f}", m.device) for n, m in found],
        )
