"""``nas profile``: what a model costs, and the latency table of a space."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nas.cli import options as o
from nas.cli.quantities import ImageSize, parse_size, quantity

if TYPE_CHECKING:
    from torch import nn

    from nas.profiling.costs import Costs
    from nas.tasks import Task

_LatencyTable = Annotated[
    Path | None, typer.Option("--latency-table", help="Time the blocks of --space instead, into this file.")
]
_Size = Annotated[ImageSize, quantity("--size", parse_size, "Input size for the latency, in pixels.")]


def profile_command(
    model: Annotated[str | None, typer.Argument(help="Baseline, weights file, genotype file or run folder.")] = None,
    task: o.TaskOption = None,
    latency_table: _LatencyTable = None,
    space: o.SpaceOption = None,
    preset: o.PresetOption = None,
    cells: o.CellsOption = None,
    base_width: o.WidthOption = None,
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="Timed runs of each block of the table.")] = 20,
    latency: Annotated[bool, typer.Option("--latency", help="Also measure the time of one forward pass.")] = False,
    size: _Size = ImageSize(320, 180),
    device: o.DeviceOption = None,
    threads: o.ThreadsOption = None,
    plugin: o.PluginOption = None,
) -> None:
    """Count the parameters and multiply-adds of a model, and measure its latency.

    Example: [bold]nas profile jsnet --task sr_x2[/bold]

    Time every block of a space, for searches under --max-latency: [bold]nas profile --latency-table latency.json --space jsm --task sr_x2[/bold]
    """
    from nas.cli.networks import first_task, network_of
    from nas.cli.output import wrote
    from nas.config.runs import SearchSettings
    from nas.errors import UsageError
    from nas.models.calling import descriptor_of
    from nas.profiling.latency import LatencyOptions
    from nas.profiling.latency_table import measure_latency_table
    from nas.registry import load_plugins
    from nas.space import load_space
    from nas.tasks import get_task
    from nas.train.new_runs import usual_settings

    load_plugins(plugin)
    if latency_table is not None:
        # the settings that 'nas search' with the same flags begins with, for its --latency-table
        typed = {k: v for k, v in (("space", space), ("preset", preset)) if v is not None}
        usual = usual_settings(SearchSettings, task or "sr_x2", typed).get("overrides", {})
        own = {k: v for k, v in (("network.cells", cells), ("network.width", base_width)) if v is not None}
        overrides = {**usual, **own}
        timed = load_space(space or "jsm", preset=preset, overrides=overrides)
        table = measure_latency_table(
            timed,
            get_task(task or "sr_x2"),
            size.height,
            size.width,
            LatencyOptions(device=o.device_to_time(device), threads=threads or 1, repeats=repeats),
            note=typer.echo,
        )
        typer.echo(f"base {table.base_ms:.2f} ms, input {table.size}, {table.device}, {table.dtype}")
        wrote(table.save(latency_table))
        return
    if model is None:
        raise UsageError("give a model to profile, or --latency-table FILE --space SPACE to time a space's blocks")
    chosen = get_task(task or first_task(model))
    network = network_of(model, chosen.name, space=space)
    if (scale := descriptor_of(network).scale) != chosen.scale:
        raise UsageError(
            f"{model} enlarges by {scale}, task {chosen.name!r} by {chosen.scale}; name the task it was made for"
        )
    typer.echo(f"model           {model}, {chosen.name}")
    _print_costs(network, chosen)
    if latency:
        _print_latency(network, size, o.device_to_time(device), threads or 1)


def _print_latency(network: nn.Module, size: ImageSize, device: str, threads: int) -> None:
    from nas.profiling.latency import LatencyOptions, measure_latency

    found = measure_latency(network, size.height, size.width, LatencyOptions(device=device, threads=threads))
    typer.echo(
        f"latency         {found.median_ms:,.2f} ms median, {found.spread_ms:,.2f} ms spread (IQR), input {found.size}, {found.device}, {found.dtype}"
    )


def _print_costs(network: nn.Module, task: Task) -> None:
    from nas.profiling.costs import costs_for_task

    cost = costs_for_task(network, task)
    typer.echo(f"parameters      {cost.parameters:,}")
    typer.echo(
        f"multiply-adds   {cost.multiply_adds_conv / 1e9:,.2f} G convolutions, {cost.multiply_adds_total / 1e9:,.2f} G with matrix products, at {cost.output_size} output"
    )
    typer.echo(f"                {_giga(cost.multiply_adds_with_bias)} convolutions and one addition for each bias")
    for label, other in _further(network, cost, task).items():
        typer.echo(f"                {_giga(other)} {label}")
    typer.echo(f"activations     {cost.activations / 1e6:,.1f} M elements of convolution outputs")
    typer.echo(f"convolutions    {cost.convolutions}")


def _giga(multiply_adds: int) -> str:
    tera = f" ({multiply_adds / 1e12:,.2f} T)" if multiply_adds >= 1e13 else ""
    return f"{multiply_adds / 1e9:,.2f} G{tera}"


def _further(network: nn.Module, cost: Costs, task: Task) -> dict[str, int]:
    """Multiply-adds by the publication's convention and at its size, by label, where these differ from ours."""
    from nas.models.calling import descriptor_of
    from nas.profiling.costs import count_costs
    from nas.registry import BASELINES

    descriptor = descriptor_of(network)
    if descriptor.name not in BASELINES:
        return {}
    baseline, scale = BASELINES.get(descriptor.name), descriptor.scale
    found: dict[str, int] = {}
    if baseline.further_costs is not None:
        height, width = task.cost_output
        further = baseline.further_costs(network, cost, (height // scale, width // scale))
        found |= {f"{label}, at {cost.output_size} output": work for label, work in further.items()}
    if baseline.cost_output not in (None, tuple(task.cost_output)):
        published = count_costs(network, *(side // scale for side in baseline.cost_output))
        found[f"at {published.output_size} output, as published"] = published.multiply_adds_total
    return found
