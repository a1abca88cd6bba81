"""nas retrain"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nas.cli import options as o

EXAMPLE = """Train a genotype, the genotype of a run, or a baseline from scratch.

Example: [bold]nas retrain runs/mine --task sr_x2 --data photos --steps 5000[/bold]
A baseline with its small recipe: [bold]nas retrain jsnet --task sr_x2 --preset small[/bold]
On two processes: [bold]torchrun --nproc-per-node 2 --max-restarts 3 -m nas retrain runs/mine --task sr_x2[/bold]
From x2 to x3: [bold]nas retrain dlsn --task sr_x3 --preset finetune --init-from dlsn_x2.safetensors[/bold]"""


def register(app: typer.Typer) -> None:
    @app.command(help=EXAMPLE)
    def retrain(
        model: Annotated[
            str | None, typer.Argument(help="Run folder, genotype file, registered genotype or baseline.")
        ] = None,
        task: o.Task = None,
        data: o.Data = None,
        steps: o.Steps = None,
        time: o.Time = None,
        batch: o.Batch = None,
        patch: o.Patch = None,
        lr: Annotated[float | None, typer.Option("--lr", help="Learning rate.")] = None,
        cells: o.Cells = None,
        width: o.Width = None,
        space: o.Space = None,
        preset: Annotated[
            str | None, typer.Option("--preset", help="A baseline's recipe (published, small), or a space's preset.")
        ] = None,
        init_from: Annotated[
            Path | None,
            typer.Option(
                "--init-from", help="Weights to start from: of this network, or of its twin at another scale."
            ),
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
        from nas.cli.quantities import duration
        from nas.config.reading import build
        from nas.config.runs import RetrainSettings
        from nas.errors import UsageError
        from nas.registry import BASELINES, load_plugins
        from nas.train.recipes import recipe
        from nas.train.retrain import retrain as run_retrain

        if resume is not None:
            result = run_retrain(resume=resume)
        else:
            if model is None and config is None:
                raise UsageError(
                    "nothing to train: give a run folder, a genotype file or a model name, or --resume RUN"
                )
            load_plugins(plugin)
            tree = o.config_tree(config)
            if tree is None and model is not None and model in BASELINES and preset is not None:
                tree, preset = recipe(model, preset, task or RetrainSettings().task), None
            network = {k: v for k, v in (("cells", cells), ("width", width)) if v is not None}
            if (patch or batch) and tree is not None:  # one size for the whole training, whatever the recipe's stages
                tree = {**tree, "data": {**dict(tree.get("data") or {}), "stages": []}}  # type: ignore[call-overload]
            settings = build(
                RetrainSettings,
                tree,
                assign or (),
                model=model,
                task=task,
                data__path=data,
                train__steps=steps,
                train__time=duration(time),
                data__batch=batch,
                data__patch=patch,
                train__optimizer__lr=lr,
                space=space,
                preset=preset,
                seed=seed,
                init_from=None if init_from is None else str(init_from),
                device=device,
                threads=threads,
                plugins=plugin,
                network=network or None,
            )
            if dry_run:
                from nas.cli.dry_run import show_plan
                from nas.train.retrain import plan_retraining

                show_plan(*plan_retraining(settings))
                return
            result = run_retrain(settings, out=out)
        for note in result.notes:
            typer.echo(note)
        typer.echo(f"weights {result.weights_hash}, {result.seconds:.0f} s")
        o.wrote(result.weights)
