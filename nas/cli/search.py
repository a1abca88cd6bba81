"""``nas search``: an architecture searched, or several searches compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from nas.cli import options as o

if TYPE_CHECKING:
    from nas.engines.result import SearchResult

_Strategy = Annotated[
    str | None,
    typer.Option(
        "--strategy",
        help="How to search ('nas list strategies'). nni starts NNI's local service, whose web server listens on "
        "all interfaces without credentials until the search ends.",
    ),
]
_Order = Annotated[str | None, typer.Option("--order", help="Order of the architecture gradient: first or second.")]
_Plain = Annotated[
    bool | None,
    typer.Option(
        "--plain",
        help="Compute every candidate separately (the readable form of the supernet) instead of the fused form.",
    ),
]
_Trials = Annotated[int | None, typer.Option("--trials", help="Genotypes to evaluate (strategies without gradients).")]
_Objectives = Annotated[
    str | None,
    typer.Option("--objectives", help="What to trade off: psnr,params,macs,latency (strategies without gradients)."),
]
_Estimator = Annotated[
    str | None, typer.Option("--estimator", help="Where a trial's value comes from: train, supernet or zero_cost.")
]
_Storage = Annotated[
    str | None, typer.Option("--storage", help="Share the trials: postgresql://..., sqlite:///... or a journal file.")
]
_Study = Annotated[str | None, typer.Option("--study", help="Name of the shared study.")]
_Workers = Annotated[int | None, typer.Option("--workers", help="Worker processes to start here for the shared study.")]
_Seeds = Annotated[
    int | None, typer.Option("--seeds", help="Independent searches with successive seeds, in one run folder.")
]
_Control = Annotated[
    str | None, typer.Option("--control", help="'random': a random search of equal cost beside each seed.")
]


def search_command(
    space: o.SpaceOption = None,
    task: o.TaskOption = None,
    strategy: _Strategy = None,
    order: _Order = None,
    plain: _Plain = None,
    data: o.DataOption = None,
    clean: o.CleanOption = None,
    degraded: o.DegradedOption = None,
    steps: o.StepsOption = None,
    time: o.TimeOption = None,
    lr: o.LearningRateOption = None,
    trials: _Trials = None,
    max_params: o.MaxParamsOption = None,
    max_macs: o.MaxMacsOption = None,
    max_latency: o.MaxLatencyOption = None,
    latency_table: o.LatencyTableOption = None,
    objectives: _Objectives = None,
    estimator: _Estimator = None,
    storage: _Storage = None,
    study: _Study = None,
    workers: _Workers = None,
    seeds: _Seeds = None,
    control: _Control = None,
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
    force: o.ForceOption = False,
    dry_run: o.DryRunOption = False,
) -> None:
    """Search for an architecture.

    Example: [bold]nas search --space jsm --task sr_x2 --data photos --steps 2000 --out runs/mine[/bold]
    Continue after a crash, or for longer: [bold]nas search --resume runs/mine --steps 4000[/bold]
    Beside a random search of equal cost: [bold]nas search --space jsm --task sr_x2 --seeds 3 --control random[/bold]
    On two processes: [bold]torchrun --nproc-per-node 2 --max-restarts 3 -m nas search --space jsm --task sr_x2[/bold]
    Within a limit: [bold]nas search --space jsm --task sr_x2 --strategy evolution --trials 100 --max-params 300k[/bold]
    """
    given = dict(locals())
    from nas.cli.dry_run import show_plan
    from nas.cli.flags import changes_from, refuse_beside_resume, settings_from
    from nas.cli.output import begins, begins_experiment, print_experiment
    from nas.config.owners import refuse_foreign
    from nas.config.runs import SearchSettings
    from nas.engines.search import plan_search, search
    from nas.experiments.experiment import run_experiment
    from nas.experiments.plan import is_experiment
    from nas.experiments.resume import describe_resumption, resume_experiment
    from nas.registry import load_plugins
    from nas.train.distributed import refuse

    load_plugins(plugin)
    if resume is not None:
        if is_experiment(resume):
            refuse_beside_resume(given, ("resume", "dry_run"))
            if dry_run:
                typer.echo(describe_resumption(resume))
            else:
                begins(f"go on with the experiment in {resume}")
                print_experiment(resume_experiment(resume))
            return
        changes = changes_from("search", given)
        if dry_run:
            show_plan(*plan_search(resume=resume, **changes))
        else:
            _print_result(search(resume=resume, **changes))
        return
    settings = settings_from(SearchSettings, "search", given)
    if seeds is None and control is None:
        refuse_foreign(settings)
    if dry_run:
        show_plan(*plan_search(settings))
    elif seeds is not None or control is not None:
        refuse("an experiment (--seeds, --control)", "start it without torchrun, or one seed at a time with it")
        begins_experiment(
            f"search by {settings.strategy}{' beside a random search' if control else ''}", settings, seeds or 1, 1, out
        )
        print_experiment(run_experiment(settings, seeds=seeds or 1, control=control, out=out))
    else:
        _print_result(search(settings, out=out))


def _print_result(result: SearchResult) -> None:
    """The genotype, its cost, and how to train it."""
    from nas.cli.output import cost_line, data_words, ends, plugin_words
    from nas.config.runs import SearchSettings
    from nas.tasks import get_task
    from nas.train.recorded import recorded_space
    from nas.train.run import Run

    settings = Run.open(result.run).expect(SearchSettings)
    space, task = recorded_space(result.run), get_task(settings.task)
    cost = cost_line(space.network(result.genotype, task), task) if space is not None else ""
    typer.echo(result.genotype.to_text())
    typer.echo(
        f"genotype {result.genotype.hash}, supernet weights {result.weights_hash or 'none'}, {result.seconds:.0f} s"
    )
    words = (
        "nas",
        "retrain",
        str(result.run),
        "--task",
        task.name,
        *data_words(settings.data),
        *plugin_words(settings),
    )
    ends(result.run / "genotype.json", *words, cost=cost)
