"""``nas bench search-step`` and ``nas bench data``: measurements of searching and of loading."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from nas.cli import options as o


def search_step_command(
    space: o.SpaceOption = None,
    task: o.TaskOption = None,
    cells: o.CellsOption = None,
    width: o.WidthOption = None,
    batch: o.BatchOption = None,
    patch: o.PatchOption = None,
    order: Annotated[str, typer.Option("--order", help="weights, first, second (exact) or difference.")] = "first",
    device: o.DeviceOption = None,
    threads: o.ThreadsOption = None,
    repeats: Annotated[
        int, typer.Option("--repeats", min=1, help="Timed steps of each kind; the kinds take turns.")
    ] = 5,
    modes: Annotated[
        bool, typer.Option("--modes", help="Instead: every strategy and order, in the fused form.")
    ] = False,
    plugin: o.PluginOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print all figures as JSON instead of a table.")] = False,
) -> None:
    """A search step in the forms of the supernet (plain, fused, compiled gates): time, memory and launched operations.

    Example: [bold]nas bench search-step --cells 3 --batch 2[/bold]
    Every strategy and order, relative to a weight step: [bold]nas bench search-step --cells 1 --modes[/bold]
    """
    given = dict(locals())
    from nas.bench.fused_step import compare_forms
    from nas.cli.flags import settings_from
    from nas.cli.tables import print_table
    from nas.config.runs import SearchSettings
    from nas.progress import progress

    settings = settings_from(SearchSettings, "bench search-step", {**given, "threads": threads or 1})
    what = f"{settings.threads} thread(s), space {settings.space}, batch {settings.data.batch}, target patch {settings.data.patch}"
    if modes:
        from nas.bench.search_step import time_search_steps

        rows = time_search_steps(settings, repeats)
        print_table(("mode", "CPU s a step", "ratio"), [(m, f"{s:.3f}", f"{r:.2f}") for m, s, r in rows])
        typer.echo(f"median of {repeats}, {what}")
        return
    with progress("bench search-step", repeats + 1, quiet=as_json) as bar:
        found = compare_forms(settings, order, repeats, bar)
    if as_json:
        data = {"batch": settings.data.batch, "patch": settings.data.patch, "overrides": settings.overrides}
        more = {"space": settings.space, "task": settings.task, "threads": settings.threads, **data}
        typer.echo(json.dumps({**asdict(found), **more}))
        return
    print_table(
        ("form", "CPU s a step", "wall s", "peak MiB", "MiB above imports", "operations"),
        [
            (
                name,
                f"{f.cpu_seconds:.3f}",
                f"{f.wall_seconds:.3f}",
                f"{f.peak_mib:.0f}",
                f"{f.own_mib:.0f}",
                f"{f.launches:,}",
            )
            for name, f in (("plain", found.plain), ("fused", found.fused), ("compiled", found.compiled))
            if f is not None
        ],
    )
    for name, r in found.ratios.items():
        typer.echo(
            f"{name}: ratio {r.ratio:.2f} ({r.low:.2f} to {r.high:.2f}) in CPU time, {r.wall_ratio:.2f} on the clock; memory {r.memory_ratio:.2f}"
        )
    typer.echo(f"a search here is {found.form}; {order} order, median of {repeats} rounds, {what}, {found.device}")


def data_command(
    model: Annotated[str, typer.Argument(help="What is trained: a genotype or a baseline.")] = "jsnet_released",
    task: o.TaskOption = None,
    data: o.DataOption = None,
    workers: Annotated[int, typer.Option("--workers", min=0, help="Loading processes.")] = 2,
    cells: o.CellsOption = None,
    batch: o.BatchOption = None,
    patch: o.PatchOption = None,
    device: o.DeviceOption = None,
    threads: o.ThreadsOption = None,
    rounds: Annotated[
        int, typer.Option("--rounds", min=1, help="Turns of each way of loading; one ratio a round.")
    ] = 10,
    block: Annotated[int, typer.Option("--block", min=1, help="Timed steps of a turn.")] = 10,
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
