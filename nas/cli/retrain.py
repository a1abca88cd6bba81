"""``nas retrain``: a genotype or a baseline trained from scratch."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nas.cli import options as o

if TYPE_CHECKING:
    from nas.train.retrain import RetrainResult

_Model = Annotated[str | None, typer.Argument(help="Run folder, genotype file, registered genotype or baseline.")]
_Preset = Annotated[
    str | None, typer.Option("--preset", help="A baseline's recipe (published, small), or a space's preset.")
]
_InitFrom = Annotated[
    Path | None,
    typer.Option("--init-from", help="Weights or run to start from: of this network, or of its twin at another scale."),
]
_Workers = Annotated[
    int | None, typer.Option("--workers", min=0, help="Processes that load images; 0: the training process itself.")
]


def retrain_command(
    model: _Model = None,
    task: o.TaskOption = None,
    data: o.DataOption = None,
    clean: o.CleanOption = None,
    degraded: o.DegradedOption = None,
    steps: o.StepsOption = None,
    time: o.TimeOption = None,
    batch: o.BatchOption = None,
    patch: o.PatchOption = None,
    lr: o.LearningRateOption = None,
    cells: o.CellsOption = None,
    width: o.WidthOption = None,
    space: o.SpaceOption = None,
    preset: _Preset = None,
    init_from: _InitFrom = None,
    seed: o.SeedOption = None,
    device: o.DeviceOption = None,
    threads: o.ThreadsOption = None,
    workers: _Workers = None,
    config: o.ConfigOption = None,
    assign: o.AssignOption = None,
    plugin: o.PluginOption = None,
    out: o.OutOption = None,
    resume: o.ResumeOption = None,
    force: o.ForceOption = False,
    dry_run: o.DryRunOption = False,
) -> None:
    """Train a genotype, the genotype of a run, or a baseline from scratch.

    Example: [bold]nas retrain runs/mine --task sr_x2 --data photos --steps 5000[/bold]
    A baseline with its small recipe: [bold]nas retrain jsnet --task sr_x2 --preset small[/bold]
    On two processes: [bold]torchrun --nproc-per-node 2 --max-restarts 3 -m nas retrain runs/mine --task sr_x2[/bold]
    Continue, for longer: [bold]nas retrain --resume runs/derived --steps 8000[/bold]
    From x2 to x3: [bold]nas retrain dlsn --task sr_x3 --preset finetune --init-from dlsn_x2.safetensors[/bold]
    """
    given = dict(locals())
    from nas.cli.dry_run import show_plan
    from nas.cli.flags import changes_from, read_config, settings_from
    from nas.config.runs import RetrainSettings
    from nas.errors import UsageError
    from nas.machine import cores, usual_threads
    from nas.registry import BASELINES, load_plugins
    from nas.train.recipes import recipe, under_flags
    from nas.train.retrain import plan_retraining, retrain

    load_plugins(plugin)
    if resume is not None:
        changes = changes_from("retrain", given)
        if dry_run:
            show_plan(*plan_retraining(resume=resume, **changes))
            return
        result = retrain(resume=resume, **changes)
    else:
        if model is None and config is None:
            raise UsageError("nothing to train: give a run folder, a genotype file or a model name, or --resume RUN")
        tree = None
        if config is None and model is not None and model in BASELINES and preset is not None:
            tree, given["preset"] = recipe(model, preset, task or RetrainSettings.model_fields["task"].default), None
        elif config is not None and config.exists():
            tree = read_config(config, task)
        if (patch or batch) and tree is not None:  # one size for the whole training, whatever the recipe's stages
            tree = {**tree, "data": {**(tree.get("data") or {}), "stages": []}}
        if tree is not None:
            tree = under_flags(tree, model, [f for f in ("cells", "width") if given[f] is not None])
        settings = settings_from(RetrainSettings, "retrain", given, tree)
        if config is None:  # a file of settings means what it says, so that a run can be repeated
            threads = usual_threads(settings.threads, cores(), os.environ)
            settings = settings.model_copy(update={"threads": threads})
        if dry_run:
            show_plan(*plan_retraining(settings))
            return
        result = retrain(settings, out=out)
    _print_result(result)


def _print_result(result: RetrainResult) -> None:
    """The weights, what the network costs, and how to measure it."""
    from nas.cli.networks import reference_words
    from nas.cli.output import cost_line, ends, plugin_words
    from nas.models.weights import load_weights
    from nas.tasks import get_task
    from nas.train.run import Run

    for note in result.notes:
        typer.echo(note)
    scores = ", ".join(f"{name} {value:.2f}" for name, value in result.scores.items())
    typer.echo(f"weights {result.weights_hash}, {f'validation {scores}, ' if scores else ''}{result.seconds:.0f} s")
    settings = Run.open(result.run).settings
    task = get_task(settings.task)
    words = ("nas", "evaluate", str(result.run), *reference_words(task), "--task", task.name, *plugin_words(settings))
    ends(result.weights, *words, cost=cost_line(load_weights(result.weights).model, task))
