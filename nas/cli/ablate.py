"""``nas ablate``: searches that differ in one thing each."""

from __future__ import annotations

from typing import Annotated

import typer

from nas.cli import options as o
from nas.cli.quantities import parse_duration, quantity

_Strategy = Annotated[
    str | None, typer.Option("--strategy", help="The strategy that is ablated ('nas list strategies').")
]
_Strategies = Annotated[
    str | None, typer.Option("--strategies", help="Compare strategies instead: pc_darts,gdas,random.")
]
_Only = Annotated[
    str | None, typer.Option("--only", help="Vary only these: cells,partial_channels,edge_weights,order.")
]
_Vary = Annotated[list[str] | None, typer.Option("--vary", help="Vary any setting instead: search.warmup=0,0.5.")]
_Reference = Annotated[
    str | None,
    typer.Option("--reference", help="Variant to compare with; default: random, else the settings as given."),
]
_Seeds = Annotated[int, typer.Option("--seeds", help="Independent searches of every variant.")]
_Time = Annotated[
    float | None,
    quantity(
        "--time", parse_duration, "CPU time of one search, e.g. 4m: steps and trials are chosen so that each takes it."
    ),
]
_Trials = Annotated[int | None, typer.Option("--trials", help="Trials of strategies without gradients.")]
_Sets = Annotated[
    list[str] | None,
    typer.Option("--sets", help="Benchmark sets to measure at the very end; they select nothing."),
]
_Benchmarks = Annotated[str | None, typer.Option("--benchmarks", help="Folder that contains the benchmark sets.")]
_DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Time a few steps, print the variants and their budgets; train nothing.")
]


def ablate_command(
    space: o.SpaceOption = None,
    task: o.TaskOption = None,
    strategy: _Strategy = None,
    strategies: _Strategies = None,
    only: _Only = None,
    vary: _Vary = None,
    reference: _Reference = None,
    seeds: _Seeds = 1,
    data: o.DataOption = None,
    clean: o.CleanOption = None,
    degraded: o.DegradedOption = None,
    steps: o.StepsOption = None,
    time: _Time = None,
    lr: o.LearningRateOption = None,
    trials: _Trials = None,
    batch: o.BatchOption = None,
    patch: o.PatchOption = None,
    cells: o.CellsOption = None,
    width: o.WidthOption = None,
    preset: o.PresetOption = None,
    seed: o.SeedOption = None,
    device: o.DeviceOption = None,
    threads: o.ThreadsOption = None,
    sets: _Sets = None,
    benchmarks: _Benchmarks = None,
    config: o.ConfigOption = None,
    assign: o.AssignOption = None,
    plugin: o.PluginOption = None,
    out: o.OutOption = None,
    resume: o.ResumeOption = None,
    jobs: o.JobsOption = 1,
    dry_run: _DryRun = False,
) -> None:
    """Compare searches that differ in one setting each, at equal budget, with several seeds and intervals.

    The ablation of the joint search: [bold]nas ablate --task sr_x2 --steps 500 --seeds 3 --set retrain.steps=1000 --out runs/ablation[/bold]
    Strategies at equal CPU time: [bold]nas ablate --strategies pc_darts,gdas,evolution,random --task sr_x2 --time 4m --seeds 3[/bold]
    Any setting: [bold]nas ablate --task sr_x2 --vary search.warmup=0,0.5 --seeds 3[/bold]
    Continue: [bold]nas ablate --resume runs/ablation[/bold]
    """
    given = dict(locals())
    from nas.cli.flags import refuse_beside_resume, settings_from
    from nas.cli.names import comma_separated
    from nas.cli.output import begins, begins_experiment, print_experiment
    from nas.config.runs import SearchSettings
    from nas.experiments.ablation import ablate, plan_ablation
    from nas.experiments.experiment import describe_experiment
    from nas.experiments.resume import describe_resumption, resume_experiment
    from nas.registry import load_plugins

    load_plugins(plugin)
    if resume is not None:
        refuse_beside_resume(given, ("resume", "dry_run", "jobs"), {"seeds": 1})
        if dry_run:
            typer.echo(describe_resumption(resume))
        else:
            begins(f"go on with the experiment in {resume}, {jobs} run(s) at a time")
            print_experiment(resume_experiment(resume, jobs))
        return
    settings = settings_from(SearchSettings, "ablate", given)
    names, factors = comma_separated(strategies), comma_separated(only)
    if dry_run:
        plan = plan_ablation(settings, seeds, reference=reference, strategies=names, factors=factors, vary=vary or [])
        typer.echo(describe_experiment(plan))
        return
    what = (
        f"compare {', '.join(names)}" if names else f"vary {', '.join(vary)}" if vary else f"ablate {settings.strategy}"
    )
    begins_experiment(what, settings, seeds, jobs, out)
    result = ablate(
        settings,
        seeds,
        reference=reference,
        strategies=names,
        factors=factors,
        vary=vary or [],
        out=out,
        jobs=jobs,
    )
    print_experiment(result)
