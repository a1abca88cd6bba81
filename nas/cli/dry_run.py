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
    need = rehearse(settings)
    typer.echo(f"memory          {_memory(need, cost, settings)}")
    if need is not None and need.seconds:
        typer.echo(f"time            {_time(need.seconds, settings)}")
    batches = [s.batch for s in settings.data.stages] or [settings.data.batch]
    typer.echo(
        f"batch           {', '.join(map(str, batches))} patches a step and process; n processes under torchrun see n times as many"
    )
    typer.echo("images          " + ", ".join(f"{count} {split}" for split, count in images.items()))
    typer.echo("\n" + to_yaml(settings).rstrip())


def _time(seconds: float, settings: Settings) -> str:
    """How long the steps of the run would take at the pace of the first ones."""
    from nas.config.runs import SearchSettings
    from nas.registry import STRATEGIES

    steps, what = settings.train.steps, f"{settings.train.steps:,} steps"
    if isinstance(settings, SearchSettings) and not STRATEGIES.get(settings.strategy).differentiable:
        search = settings.search
        steps, what = search.trials * search.trial_steps, f"{search.trials:,} trials of {search.trial_steps:,} steps"
        if search.trials == 1:
            return "moments: one genotype, which is not trained"
    return f"about {_duration(steps * seconds)} for {what} of {seconds:.3g} s on {settings.device}, without validation (first steps, measured)"


def _duration(seconds: float) -> str:
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.0f} {unit}"
    return f"{seconds:,.0f} s"


def _memory(need: Need | None, cost: Footprint, settings: Settings) -> str:
    """What was measured of the memory, or where nothing could be, what weights, optimiser and activations come to."""
    if need is None:
        state, activations = cost.state_mib, cost.activation_mib
        return f"about {state + activations:,.0f} MiB a step by estimate: {state:,.0f} weights and optimiser, {activations:,.0f} activations; temporary buffers come on top"
    where = "on the device" if need.imports == 0 else f"above the {need.imports:,.0f} MiB of Python and its libraries"
    batch = max(s.batch for s in settings.data.stages) if settings.data.stages else settings.data.batch
    how = "measured" if need.measured_batch >= batch else f"measured up to batch {need.measured_batch}"
    return f"about {need.whole:,.0f} MiB a step: {need.step:,.0f} training, {need.whole:,.0f} with validation, {where} ({how})"
