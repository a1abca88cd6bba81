"""``nas noise``: seed noise against the spread between genotypes."""

from __future__ import annotations

from typing import Annotated

import typer

from nas.cli import options as o

_Genotypes = Annotated[int, typer.Option("--genotypes", help="Random genotypes to train.")]
_Seeds = Annotated[int, typer.Option("--seeds", help="Trainings of each, with successive seeds.")]


def noise_command(
    space: o.SpaceOption = None,
    task: o.TaskOption = None,
    genotypes: _Genotypes = 4,
    seeds: _Seeds = 3,
    steps: o.StepsOption = None,
    lr: o.LearningRateOption = None,
    data: o.DataOption = None,
    clean: o.CleanOption = None,
    degraded: o.DegradedOption = None,
    batch: o.BatchOption = None,
    patch: o.PatchOption = None,
    cells: o.CellsOption = None,
    width: o.WidthOption = None,
    preset: o.PresetOption = None,
    seed: o.SeedOption = None,
    device: o.DeviceOption = None,
    threads: o.ThreadsOption = None,
    config: o.ConfigOption = None,
    assign: o.AssignOption = None,
    plugin: o.PluginOption = None,
    out: o.OutOption = None,
    resume: o.ResumeOption = None,
    jobs: o.JobsOption = 1,
    dry_run: o.DryRunOption = False,
) -> None:
    """Compare seed noise with the spread between genotypes, and find how many seeds a comparison needs.

    Example: [bold]nas noise --space jsm --task sr_x2 --genotypes 4 --seeds 3 --steps 1000 --out runs/noise[/bold]
    With a quicker start: [bold]nas noise --space jsm --task sr_x2 --set retrain.network.image_residual=true[/bold]
    Continue: [bold]nas noise --resume runs/noise[/bold]
    """
    given = dict(locals())
    from nas.cli.dry_run import show_plan
    from nas.cli.flags import refuse_beside_resume, settings_from
    from nas.cli.output import begins, begins_experiment, print_experiment
    from nas.config.reading import build
    from nas.config.runs import SearchSettings
    from nas.engines.search import plan_search
    from nas.experiments.noise import measure_noise, plan_noise
    from nas.experiments.resume import describe_resumption, resume_experiment
    from nas.experiments.runs import RANDOM_SEARCH
    from nas.registry import load_plugins

    load_plugins(plugin)
    if resume is not None:
        refuse_beside_resume(given, ("resume", "dry_run", "jobs"), {"genotypes": 4, "seeds": 3})
        if dry_run:
            typer.echo(describe_resumption(resume))
        else:
            begins(f"go on with the experiment in {resume}, {jobs} run(s) at a time")
            print_experiment(resume_experiment(resume, jobs))
        return
    settings = settings_from(SearchSettings, "noise", given)
    if dry_run:
        planned = plan_noise(settings, genotypes, seeds)
        trainings = len(planned.draws) * len(planned.seeds)
        typer.echo(f"{trainings} trainings of {planned.base.retrain.steps} steps: {genotypes} genotypes, {seeds} seeds")
        # a network of the space, as a random search would train it
        show_plan(*plan_search(build(SearchSettings, planned.base.model_dump(mode="json"), strategy=RANDOM_SEARCH)))
        return
    what = f"train {genotypes} random genotypes for {settings.retrain.steps:,} steps each"
    begins_experiment(what, settings, seeds, jobs, out)
    print_experiment(measure_noise(settings, genotypes, seeds, out=out, jobs=jobs))
