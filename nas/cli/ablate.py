"""nas ablate"""

from __future__ import annotations

from typing import Annotated

import typer

from nas.cli import options as o

EXAMPLE = """Searches that differ in one thing each, at one budget, with seeds, intervals and one table.

The ablation of the joint search: [bold]nas ablate --task sr_x2 --steps 500 --seeds 3 --set retrain.steps=1000 --out runs/ablation[/bold]
Strategies at equal CPU time: [bold]nas ablate --strategies pc_darts,gdas,evolution,random --task sr_x2 --time 4m --seeds 3[/bold]
Any setting: [bold]nas ablate --task sr_x2 --vary search.warmup=0,0.5 --seeds 3[/bold]
Continue: [bold]nas ablate --resume runs/ablation[/bold]"""


def register(app: typer.Typer) -> None:
    @app.command(help=EXAMPLE)
    def ablate(
        space: o.Space = None,
        task: o.Task = None,
        strategy: Annotated[
            str | None, typer.Option("--strategy", help="The strategy that is ablated ('nas list strategies').")
        ] = None,
        strategies: Annotated[
            str | None, typer.Option("--strategies", help="Compare strategies instead: pc_darts,gdas,random.")
        ] = None,
        only: Annotated[
            str | None,
            typer.Option("--only", help="Vary only these: cells,partial_channels,edge_weights,order."),
        ] = None,
        vary: Annotated[
            list[str] | None, typer.Option("--vary", help="Vary any setting instead: search.warmup=0,0.5.")
        ] = None,
        reference: Annotated[
            str | None,
            typer.Option("--reference", help="Variant to compare with; default: random, else the settings as given."),
        ] = None,
        seeds: Annotated[int, typer.Option("--seeds", help="Independent searches of every arm.")] = 1,
        data: o.Data = None,
        steps: o.Steps = None,
        time: Annotated[
            str | None,
            typer.Option("--time", help="CPU time of one search, e.g. 4m: steps and trials are made to cost as much."),
        ] = None,
        trials: Annotated[int | None, typer.Option("--trials", help="Trials of strategies without gradients.")] = None,
        batch: o.Batch = None,
        patch: o.Patch = None,
        cells: o.Cells = None,
        width: o.Width = None,
        preset: o.Preset = None,
        seed: o.Seed = None,
        device: o.Device = None,
        threads: o.Threads = None,
        sets: Annotated[
            list[str] | None,
            typer.Option("--sets", help="Benchmark sets to measure at the very end; they select nothing."),
        ] = None,
        benchmarks: Annotated[
            str | None, typer.Option("--benchmarks", help="Folder that holds the benchmark sets.")
        ] = None,
        config: o.Config = None,
        assign: o.Assign = None,
        plugin: o.Plugin = None,
        out: o.Out = None,
        resume: o.Resume = None,
        jobs: Annotated[
            int, typer.Option("--jobs", help="Runs at a time, each in a process of its own (give --threads, too).")
        ] = 1,
        dry_run: Annotated[
            bool, typer.Option("--dry-run", help="Time a few steps, print the arms and their budgets; train nothing.")
        ] = False,
    ) -> None:
        from nas.cli.quantities import duration
        from nas.config.reading import build
        from nas.config.runs import SearchSettings
        from nas.experiments.ablation import ablate as run_ablation
        from nas.experiments.ablation import plan_ablation
        from nas.experiments.experiment import describe
        from nas.experiments.resume import resume_experiment

        if resume is not None:
            result = resume_experiment(resume, jobs)
        else:
            settings = build(
                SearchSettings,
                o.config_tree(config),
                assign or (),
                space=space,
                task=task,
                strategy=strategy,
                data__path=data,
                train__steps=steps,
                train__time=duration(time),
                search__trials=trials,
                data__batch=batch,
                data__patch=patch,
                preset=preset,
                seed=seed,
                device=device,
                threads=threads,
                plugins=plugin,
                retrain__sets=_split(sets),
                retrain__benchmarks=benchmarks,
                overrides={k: v for k, v in (("network.cells", cells), ("network.width", width)) if v is not None}
                or None,
            )
            varied = {"strategies": _names(strategies), "factors": _names(only), "vary": vary or []}
            if dry_run:
                typer.echo(describe(plan_ablation(settings, seeds, reference=reference, **varied)))
                return
            result = run_ablation(settings, seeds, reference=reference, out=out, jobs=jobs, **varied)
        typer.echo(result.text)
        o.wrote(result.table)


def _names(text: str | None) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()] if text else []


def _split(sets: list[str] | None) -> list[str] | None:
    return [part for text in sets for part in text.replace(",", " ").split()] if sets else None
