"""What ``--dry-run`` prints."""

from __future__ import annotations

from typing import Any

import typer

from nas.config.reading import to_yaml
from nas.config.runs import Settings


def show_plan(model: Any, task: Any, settings: Settings, images: dict[str, int]) -> None:
    """Costs and memory of the network that would be trained, the data it would see, the configuration."""
    from nas.profiling.footprint import footprint

    cost = footprint(model, task, settings)
    typer.echo(f"parameters      {cost.parameters:,} ({cost.trainable:,} trainable)")
    typer.echo(
        f"multiply-adds   {cost.multiply_adds / 1e9:,.2f} G at {cost.cost_output} output (convolutions, one per weight and position)"
    )
    typer.echo(
        f"memory          about {cost.state_mib + cost.activation_mib:,.0f} MiB a step: {cost.state_mib:,.0f} weights and optimiser, {cost.activation_mib:,.0f} activations"
    )
    batches = [s.batch for s in settings.data.stages] or [settings.data.batch]
    typer.echo(
        f"batch           {', '.join(map(str, batches))} patches a step and process; n processes under torchrun see n times as many"
    )
    typer.echo("images          " + ", ".join(f"{count} {part}" for part, count in images.items()))
    typer.echo("\n" + to_yaml(settings).rstrip())
