"""nas demo"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from nas.cli import options as o
from nas.errors import UsageError


def register(app: typer.Typer) -> None:
    @app.command(
        help="The whole journey in a few minutes: search, derive, retrain, evaluate, compare, report.\n\nExample: [bold]nas demo --out demo[/bold]"
    )
    def demo(
        out: o.Out = None,
        scale: Annotated[
            float, typer.Option("--scale", help="Multiplies every number of steps; 1 takes a few minutes on two cores.")
        ] = 1.0,
        seed: o.Seed = None,
        dry_run: o.DryRun = False,
    ) -> None:
        folder = out or Path("demo")
        if (folder / "search").exists() or (folder / "derived").exists():
            raise UsageError(f"{str(folder)!r} already holds a demo; remove it or choose another --out")
        if scale <= 0:
            raise UsageError(f"--scale {scale} must be above 0")
        run_demo(folder, scale, seed or 1, dry_run)


def run_demo(folder: Path, scale: float, seed: int, dry_run: bool) -> None:
    """Search the JSM space on the sample photographs, retrain what was found and the released genotype alike."""
    from nas.cli.dry_run import show_plan
    from nas.cli.tables import print_rows
    from nas.config.reading import build
    from nas.config.runs import RetrainSettings, SearchSettings
    from nas.engines.search import plan_search, search
    from nas.evaluation.harness import evaluate
    from nas.report.comparison import compare
    from nas.report.page.html import write_report
    from nas.report.published import load_published
    from nas.train.retrain import retrain

    size = {"network.cells": 2}
    common: dict[str, Any] = {"task": "sr_x2", "seed": seed, "data__patch": 48}
    searching = build(
        SearchSettings,
        space="jsm",
        overrides=size,
        train__steps=max(2, round(120 * scale)),
        data__batch=4,
        train__optimizer__lr=1e-3,
        search__optimizer__lr=6e-3,
        train__log_every=5,
        train__validate_every=10**6,
        **common,
    )
    if dry_run:
        show_plan(*plan_search(searching))
        return
    typer.echo("1/5  searching operation and attention blocks on photographs")
    found = search(searching, out=folder / "search")
    typer.echo(found.genotype.to_text())
    weights = []
    for step, (name, model) in enumerate((("derived", str(found.run)), ("released", "jsnet_released")), start=2):
        typer.echo(f"{step}/5  retraining the {name} genotype from scratch")
        training = build(
            RetrainSettings,
            model=model,
            space="jsm",
            network={"cells": 2, "image_residual": True},
            train__steps=max(2, round(400 * scale)),
            data__batch=8,
            train__optimizer__lr=1e-3,
            train__validate_every=10**6,
            **common,
        )
        weights.append((name, str(retrain(training, out=folder / name).weights)))
    typer.echo("4/5  evaluating on photographs that trained nothing")
    rows = evaluate(
        ["bicubic", *weights],
        "sr_x2",
        ["sample"],
        out=folder / "rows.csv",
        save_images=folder / "images",
        command=o.command_line(),
        progress=True,
    )
    typer.echo("5/5  comparing and reporting")
    literature = load_published()
    compare(rows, literature, folder / "comparison", task="sr_x2", set_name="sample")
    report = write_report(
        folder / "report.html", run=folder / "search", rows=rows, published=literature, images=folder / "images"
    )
    print_rows(rows)
    o.wrote(report)
