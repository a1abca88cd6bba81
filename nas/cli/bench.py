"""``nas bench search-step`` and ``nas bench data``: measurements of searching and of loading."""

from __future__ import annotations

from typing import Annotated

import typer

from nas.cli import options as o


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
