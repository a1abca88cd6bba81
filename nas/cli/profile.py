"""nas profile"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from nas.cli import options as o


def register(app: typer.Typer) -> None:
    @app.command(
        help="Parameters, multiply-adds and latency of a model.\n\nExample: [bold]nas profile jsnet --task sr_x2[/bold]\n\n"
        "Time every block of a space, for searches under --max-latency: [bold]nas profile --latency-table latency.json --space jsm --task sr_x2[/bold]"
    )
    def profile(
        model: Annotated[
            str | None, typer.Argument(help="Baseline, weights file, genotype file or run folder.")
        ] = None,
        task: o.Task = None,
        latency_table: Annotated[
            Path | None, typer.Option("--latency-table", help="Time the blocks of --space instead, into this file.")
        ] = None,
        space: o.Space = None,
        preset: o.Preset = None,
        cells: o.Cells = None,
        base_width: o.Width = None,
        repeats: Annotated[int, typer.Option("--repeats", help="Timed runs of each block of the table.")] = 20,
        latency: Annotated[bool, typer.Option("--latency", help="Also measure the time of one forward pass.")] = False,
        size: Annotated[
            str, typer.Option("--size", help="Input size for the latency, WIDTHxHEIGHT in pixels.")
        ] = "320x180",
        device: o.Device = None,
        threads: o.Threads = None,
        plugin: o.Plugin = None,
    ) -> None:
        from nas.errors import UsageError
        from nas.profiling.costs import costs_for_task
        from nas.profiling.latency_table import measure_table
        from nas.registry import load_plugins
        from nas.space import load_space
        from nas.tasks import get_task

        width, _, height = size.partition("x")
        if not (width.isdigit() and height.isdigit()):
            raise UsageError(f"--size {size!r} is not WIDTHxHEIGHT, e.g. 320x180")
        if latency_table is not None:
            overrides = {k: v for k, v in (("network.cells", cells), ("network.width", base_width)) if v is not None}
            load_plugins(plugin or [])
            chosen_space = load_space(space or "jsm", preset=preset, overrides=overrides)
            table = measure_table(
                chosen_space,
                get_task(task or "sr_x2"),
                int(height),
                int(width),
                device=device or "cpu",
                threads=threads or 1,
                repeats=repeats,
                note=typer.echo,
            )
            typer.echo(f"base {table.base_ms:.2f} ms, input {table.size}, {table.device}, {table.dtype}")
            o.wrote(table.save(latency_table))
            return
        if model is None:
            raise UsageError("give a model to profile, or --latency-table FILE --space SPACE to time a space's blocks")
        chosen = get_task(task or _first_task(model))
        network = _network(model, chosen.name, plugin or [])
        if network.descriptor.scale != chosen.scale:
            raise UsageError(
                f"{model} enlarges by {network.descriptor.scale}, task {chosen.name!r} by {chosen.scale}; say its own task"
            )
        cost = costs_for_task(network, chosen)
        typer.echo(f"model           {model}, {chosen.name}")
        typer.echo(f"parameters      {cost.parameters:,}")
        typer.echo(
            f"multiply-adds   {cost.multiply_adds_conv / 1e9:,.2f} G convolutions, {cost.multiply_adds_total / 1e9:,.2f} G with matrix products, at {cost.output_size} output"
        )
        typer.echo(f"                {_giga(cost.multiply_adds_with_bias)} convolutions and one addition for each bias")
        for label, other in _further(network, cost, chosen).items():
            typer.echo(f"                {_giga(other)} {label}")
        typer.echo(f"activations     {cost.activations / 1e6:,.1f} M elements of convolution outputs")
        typer.echo(f"convolutions    {cost.convolutions}")
        if latency:
            from nas.profiling.latency import measure

            found = measure(network, int(height), int(width), device=device or "cpu", threads=threads or 1)
            typer.echo(
                f"latency         {found.median_ms:,.2f} ms median, {found.spread_ms:,.2f} ms spread (IQR), input {found.size}, {found.device}, {found.dtype}"
            )


def _giga(multiply_adds: int) -> str:
    tera = f" ({multiply_adds / 1e12:,.2f} T)" if multiply_adds >= 1e13 else ""
    return f"{multiply_adds / 1e9:,.2f} G{tera}"


def _further(network: Any, cost: Any, task: Any) -> dict[str, int]:
    """Multiply-adds by the publication's convention and at its size, by label, where these differ from ours."""
    from nas.profiling.costs import count
    from nas.registry import BASELINES

    descriptor = network.descriptor
    if descriptor.name not in BASELINES:
        return {}
    baseline, scale = BASELINES.get(descriptor.name), descriptor.scale
    found: dict[str, int] = {}
    if baseline.further_costs is not None:
        size = tuple(side // scale for side in task.cost_output)
        found |= {
            f"{k}, at {cost.output_size} output": v for k, v in baseline.further_costs(network, cost, size).items()
        }
    if baseline.cost_output not in (None, tuple(task.cost_output)):
        published = count(network, *(side // scale for side in baseline.cost_output))
        found[f"at {published.output_size} output, as published"] = published.multiply_adds_total
    return found


def _first_task(model: str) -> str:
    """The task of a weights file, the first that a baseline serves, or sr_x2."""
    from fnmatch import fnmatchcase

    from nas.registry import BASELINES, TASKS

    if model.endswith(".safetensors"):
        from nas.models.weights import read_metadata

        return read_metadata(model)["task"]
    patterns = BASELINES.get(model).tasks if model in BASELINES else ("sr_x2",)
    return next(name for pattern in patterns for name in ("sr_x2", *TASKS.names()) if fnmatchcase(name, pattern))


def _network(model: str, task: str, plugins: list[str]):  # type: ignore[no-untyped-def]
    if model.endswith(".safetensors"):
        from nas.models.weights import load_weights

        return load_weights(model).model
    from nas.config.reading import build
    from nas.config.runs import RetrainSettings
    from nas.registry import BASELINES, load_plugins
    from nas.tasks import get_task
    from nas.train.trainable import build_trainable

    load_plugins(plugins)
    if model in BASELINES:  # also the floor, which has nothing to train
        baseline = BASELINES.get(model)
        return baseline.create(**baseline.config_for_task(task))
    return build_trainable(build(RetrainSettings, model=model, task=task), get_task(task)).model
