"""nas search"""

from __future__ import annotations

from typing import Annotated

import typer

from nas.cli import options as o

EXAMPLE = """Search an architecture.

Example: [bold]nas search --space jsm --task sr_x2 --data photos --steps 2000 --out runs/mine[/bold]
Continue after a crash: [bold]nas search --resume runs/mine[/bold]"""


def register(app: typer.Typer) -> None:
    @app.command(help=EXAMPLE)
    def search(
        space: o.Space = None,
        task: o.Task = None,
        strategy: Annotated[
            str | None, typer.Option("--strategy", help="pc_darts, darts, random ('nas list strategies').")
        ] = None,
        order: Annotated[
            str | None, typer.Option("--order", help="Order of the architecture gradient: first or second.")
        ] = None,
        data: o.Data = None,
        steps: o.Steps = None,
        batch: o.Batch = None,
        patch: o.Patch = None,
        cells: o.Cells = None,
        width: o.Width = None,
        preset: o.Preset = None,
        trials: Annotated[
            int | None, typer.Option("--trials", help="Genotypes to evaluate (strategies without gradients).")
        ] = None,
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
        from nas.config import SearchSettings, build
        from nas.strategies.search import search as run_search

        if resume is not None:
            result = run_search(resume=resume)
        else:
            settings = build(
                SearchSettings, o.config_tree(config), assign or (), space=space, task=task, strategy=strategy,
                search__order=order, data__path=data, train__steps=steps, data__batch=batch, data__patch=patch,
                preset=preset, search__trials=trials, seed=seed, device=device, threads=threads, plugins=plugin,
                overrides={k: v for k, v in (("network.cells", cells), ("network.width", width)) if v is not None} or None,
            )  # fmt: skip
            if dry_run:
                _plan(settings)
                return
            result = run_search(settings, out=out)
        typer.echo(result.genotype.to_text())
        typer.echo(
            f"genotype {result.genotype.hash}, supernet weights {result.weights_hash or 'none'}, {result.seconds:.0f} s"
        )
        o.wrote(result.run / "genotype.json")


def _plan(settings: object) -> None:
    from nas.cli.dry_run import show_plan
    from nas.strategies.search import plan

    show_plan(*plan(settings))  # type: ignore[arg-type]
