"""What ``--dry-run`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

    from nas.config.runs import Settings
    from nas.tasks import Task


def show_plan(
    model: nn.Module, task: Task, settings: Settings, images: dict[str, int], notes: Sequence[str] = ()
) -> None:
    """Print what a training would cost and see.

    Args:
        model: The network that would be trained.
        task: Its task.
        settings: The whole configuration.
        images: Number of images of each split.
        notes: Sentences that come first: where a run stands, and what would change.
    """
    from nas.config.reading import to_yaml
    from nas.profiling.footprint import footprint

    for note in notes:
        typer.echo(note)
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
    typer.echo("images          " + ", ".join(f"{count} {split}" for split, count in images.items()))
    typer.echo("\n" + to_yaml(settings).rstrip())
