"""What ``--dry-run`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

    from nas.config.runs import Settings
    from nas.engines.rehearsal import Need
    from nas.profiling.footprint import Footprint
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
    from nas.engines.rehearsal import rehearse
    from nas.profiling.footprint import footprint

    for note in notes:
        typer.echo(note)
    cost = footprint(model, task, settings)
    typer.echo(f"parameters      {cost.parameters:,} ({cost.trainable:,} trainable)")
    typer.echo(
        f"multiply-adds   {cost.multiply_adds / 1e9:,.2f} G at {cost.cost_output} output (convolutions, one per weight and position)"
    )
    typer.echo(f"memory          {_memory(rehearse(settings), cost, settings)}")
    batches = [s.batch for s in settings.data.stages] or [settings.data.batch]
    typer.echo(
        f"batch           {', '.join(map(str, batches))} patches a step and process; n processes under torchrun see n times as many"
    )
    typer.echo("images          " + ", ".join(f"{count} {split}" for split, count in images.items()))
    typer.echo("\n" + to_yaml(settings).rstrip())


def _memory(need: Need | None, cost: Footprint, settings: Settings) -> str:
    """What was measured of the memory, or where nothing could be, what weights, optimiser and activations come to."""
    if need is None:
        state, activations = cost.state_mib, cost.activation_mib
        return f"about {state + activations:,.0f} MiB a step by estimate: {state:,.0f} weights and optimiser, {activations:,.0f} activations; temporary buffers come on top"
    where = "on the device" if need.imports == 0 else f"above the {need.imports:,.0f} MiB of Python and its libraries"
    batch = max(s.batch for s in settings.data.stages) if settings.data.stages else settings.data.batch
    how = "measured" if need.measured_batch >= batch else f"measured up to batch {need.measured_batch}"
    return f"about {need.whole:,.0f} MiB a step: {need.step:,.0f} training, {need.whole:,.0f} with validation, {where} ({how})"
