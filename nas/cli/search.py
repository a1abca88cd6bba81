"""nas search"""

from __future__ import annotations

from typing import Annotated

import typer

from nas.cli import options as o

EXAMPLE = """Search an architecture.

Example: [bold]nas search --space jsm --task sr_x2 --data photos --steps 2000 --out runs/mine[/bold]
Continue after a crash: [bold]nas search --resume runs/mine[/bold]
With a control of equal cost: [bold]nas search --space jsm --task sr_x2 --seeds 3 --control random[/bold]
On two processes: [bold]torchrun --nproc-per-node 2 --max-restarts 3 -m nas search --space jsm --task sr_x2[/bold]
Under a limit: [bold]nas search --space jsm --task sr_x2 --strategy evolution --trials 100 --max-params 300k[/bold]"""


def register(app: typer.Typer) -> None:
    @app.command(help=EXAMPLE)
    def search(
        space: o.Space = None,
        task: o.Task = None,
        strategy: Annotated[
            str | None,
            typer.Option(
                "--strategy",
                help="How to search ('nas list strategies'). nni starts NNI's local service, whose web server listens on "
                "all interfaces without credentials until the search ends.",
            ),
        ] = None,
        order: Annotated[
            str | None, typer.Option("--order", help="Order of the architecture gradient: first or second.")
        ] = None,
        data: o.Data = None,
        steps: o.Steps = None,
        time: o.Time = None,
        trials: Annotated[
            int | None, typer.Option("--trials", help="Genotypes to evaluate (strategies without gradients).")
        ] = None,
        max_params: Annotated[str | None, typer.Option("--max-params", help="Most parameters, e.g. 300k.")] = None,
        max_macs: Annotated[
            str | None, typer.Option("--max-macs", help="Most multiply-adds at the task's output size, e.g. 60G.")
        ] = None,
        max_latency: Annotated[
            float | None, typer.Option("--max-latency", help="Most milliseconds by the latency table.")
        ] = None,
        latency_table: Annotated[
            str | None, typer.Option("--latency-table", help="File written by 'nas profile --latency-table'.")
        ] = None,
        objectives: Annotated[
            str | None,
            typer.Option("--objectives", help="What to trade off: psnr,params,macs,latency (discrete strategies)."),
        ] = None,
        estimator: Annotated[
            str | None, typer.Option("--estimator", help="A trial's value: train, supernet or zero_cost.")
        ] = None,
        storage: Annotated[
            str | None,
            typer.Option("--storage", help="Share the trials: postgresql://..., sqlite:///... or a journal file."),
        ] = None,
        study: Annotated[str | None, typer.Option("--study", help="Name of the shared study.")] = None,
        workers: Annotated[
            int | None, typer.Option("--workers", help="Worker processes to start here for the shared study.")
        ] = None,
        seeds: Annotated[
            int | None, typer.Option("--seeds", help="Independent searches with successive seeds, in one run folder.")
        ] = None,
        control: Annotated[
            str | None, typer.Option("--control", help="'random': a random search of equal cost beside each seed.")
        ] = None,
        batch: o.Batch = None,
        patch: o.Patch = None,
        cells: o.Cells = None,
        width: o.Width = None,
        preset: o.Preset = None,
        seed: o.Seed = None,
        device: o.Device = None,
        threads: o.Threads = None,
        config: o.Config = None,
        assign: o.Assign = None,
        plugin: o.Plugin = None,
        out: o.Out = None,
        resume: o.Resume = None,
        dry_run: o.DryRun = False,
    ) -> None:
        from nas.cli.quantities import count, duration
        from nas.config.owners import refuse_foreign
        from nas.config.reading import build
        from nas.config.runs import SearchSettings
        from nas.engines.search import search as run_search

        if resume is not None:
            from nas.experiments.plan import is_experiment
            from nas.experiments.resume import resume_experiment

            if is_experiment(resume):
                _end_of_campaign(resume_experiment(resume))
                return
            result = run_search(resume=resume)
        else:
            settings = build(
                SearchSettings,
                o.config_tree(config),
                assign or (),
                space=space,
                task=task,
                strategy=strategy,
                search__order=order,
                data__path=data,
                train__steps=steps,
                train__time=duration(time),
                data__batch=batch,
                data__patch=patch,
                preset=preset,
                search__trials=trials,
                search__estimator=estimator,
                search__objectives=[n.strip() for n in objectives.split(",")] if objectives else None,
                limits__params=count(max_params, "--max-params"),
                limits__macs=count(max_macs, "--max-macs"),
                limits__latency=max_latency,
                limits__latency_table=latency_table,
                study__storage=storage,
                study__name=study,
                study__workers=workers,
                seed=seed,
                device=device,
                threads=threads,
                plugins=plugin,
                overrides={k: v for k, v in (("network.cells", cells), ("network.width", width)) if v is not None}
                or None,
            )
            if seeds is None and control is None:
                refuse_foreign(settings)
            if dry_run:
                _plan(settings)
                return
            if seeds is not None or control is not None:
                from nas.experiments.experiment import run_experiment
                from nas.train.distributed import refuse

                refuse("a campaign (--seeds, --control)", "start it without torchrun, or one seed at a time with it")
                _end_of_campaign(run_experiment(settings, seeds=seeds or 1, control=control, out=out))
                return
            result = run_search(settings, out=out)
        typer.echo(result.genotype.to_text())
        typer.echo(
            f"genotype {result.genotype.hash}, supernet weights {result.weights_hash or 'none'}, {result.seconds:.0f} s"
        )
        o.wrote(result.run / "genotype.json")


def _end_of_campaign(result: object) -> None:
    typer.echo(result.text)  # type: ignore[attr-defined]
    o.wrote(result.table)  # type: ignore[attr-defined]


def _plan(settings: object) -> None:
    from nas.cli.dry_run import show_plan
    from nas.engines.search import plan_search

    show_plan(*plan_search(settings))  # type: ignore[arg-type]
