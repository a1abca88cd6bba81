"""nas noise"""

from __future__ import annotations

from typing import Annotated

import typer

from nas.cli import options as o

EXAMPLE = """Measure seed noise against the spread between genotypes, and how many seeds a comparison needs.

Example: [bold]nas noise --space jsm --task sr_x2 --genotypes 4 --seeds 3 --steps 1000 --out runs/noise[/bold]
With a quicker start: [bold]nas noise --space jsm --task sr_x2 --set retrain.network.image_residual=true[/bold]
Continue: [bold]nas noise --resume runs/noise[/bold]"""


def register(app: typer.Typer) -> None:
    @app.command(help=EXAMPLE)
    def noise(
        space: o.Space = None,
        task: o.Task = None,
        genotypes: Annotated[int, typer.Option("--genotypes", help="Random genotypes to train.")] = 4,
        seeds: Annotated[int, typer.Option("--seeds", help="Trainings of each, with successive seeds.")] = 3,
        steps: o.Steps = None,
        lr: Annotated[float | None, typer.Option("--lr", help="Learning rate.")] = None,
        data: o.Data = None,
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
        jobs: Annotated[
            int, typer.Option("--jobs", help="Runs at a time, each in a process of its own (give --threads, too).")
        ] = 1,
        dry_run: o.DryRun = False,
    ) -> None:
        from nas.config.reading import build
        from nas.config.runs import SearchSettings
        from nas.experiments.noise import noise as run_noise
        from nas.experiments.noise import plan_noise
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
                data__path=data,
                retrain__steps=steps,
                retrain__optimizer__lr=lr,
                data__batch=batch,
                data__patch=patch,
                preset=preset,
                seed=seed,
                device=device,
                threads=threads,
                plugins=plugin,
                overrides={k: v for k, v in (("network.cells", cells), ("network.width", width)) if v is not None}
                or None,
            )
            if dry_run:
                plan = plan_noise(settings, genotypes, seeds)
                count = len(plan.draws) * len(plan.seeds)
                typer.echo(
                    f"{count} trainings of {plan.base.retrain.steps} steps: {genotypes} genotypes, {seeds} seeds"
                )
                _plan(plan.base)
                return
            result = run_noise(settings, genotypes, seeds, out=out, jobs=jobs)
        typer.echo(result.text)
        o.wrote(result.table)


def _plan(settings: object) -> None:
    from nas.cli.dry_run import show_plan
    from nas.config.reading import build
    from nas.config.runs import SearchSettings
    from nas.engines.search import plan_search

    assert isinstance(settings, SearchSettings)
    show_plan(*plan_search(build(SearchSettings, settings.model_dump(mode="json"), strategy="random")))
