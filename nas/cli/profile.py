"""nas profile"""

from __future__ import annotations

from typing import Annotated

import typer

from nas.cli import options as o


def register(app: typer.Typer) -> None:
    @app.command(
        help="Parameters, multiply-adds and latency of a model.\n\nExample: [bold]nas profile jsnet --task sr_x2[/bold]"
    )
    def profile(
        model: Annotated[str, typer.Argument(help="Baseline, weights file, genotype file or run folder.")],
        task: o.Task = None,
        latency: Annotated[bool, typer.Option("--latency", help="Also measure the time of one forward pass.")] = False,
        size: Annotated[
            str, typer.Option("--size", help="Input size for the latency, WIDTHxHEIGHT in pixels.")
        ] = "320x180",
        device: o.Device = None,
        threads: o.Threads = None,
        plugin: o.Plugin = None,
    ) -> None:
        from nas.errors import UsageError
        from nas.evaluate.costs import costs_for_task
        from nas.tasks import get_task

        width, _, height = size.partition("x")
        if not (width.isdigit() and height.isdigit()):
            raise UsageError(f"--size {size!r} is not WIDTHxHEIGHT, e.g. 320x180")
        chosen = get_task(task or "sr_x2")
        network = _network(model, chosen.name, plugin or [])
        cost = costs_for_task(network, chosen)
        typer.echo(f"model           {model}, {chosen.name}")
        typer.echo(f"parameters      {cost.parameters:,}")
        typer.echo(
            f"multiply-adds   {cost.multiply_adds_conv / 1e9:,.2f} G convolutions, {cost.multiply_adds_total / 1e9:,.2f} G with matrix products, at {cost.output_size} output"
        )
        typer.echo(f"activations     {cost.activations / 1e6:,.1f} M elements of convolution outputs")
        typer.echo(f"convolutions    {cost.convolutions}")
        if latency:
            from nas.evaluate.latency import measure

            found = measure(network, int(height), int(width), device=device or "cpu", threads=threads or 1)
            typer.echo(
                f"latency         {found.median_ms:,.2f} ms median, {found.spread_ms:,.2f} ms spread (IQR), input {size}, {found.device}, {found.dtype}"
            )


def _network(model: str, task: str, plugins: list[str]):  # type: ignore[no-untyped-def]
    if model.endswith(".safetensors"):
        from nas.weights import load_weights

        return load_weights(model).model
    from nas.config import RetrainSettings, build
    from nas.registry import BASELINES, load_plugin
    from nas.tasks import get_task
    from nas.train.retrain import build_candidate

    for name in plugins:
        load_plugin(name)
    if model in BASELINES:  # also the floor, which has nothing to train
        baseline = BASELINES.get(model)
        return baseline.create(**baseline.config_for_task(task))
    return build_candidate(build(RetrainSettings, model=model, task=task), get_task(task)).model
