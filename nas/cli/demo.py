"""``nas demo``: the whole journey on the sample photographs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from nas.cli import options as o


def demo_command(
    out: o.OutOption = None,
    scale: Annotated[
        float, typer.Option("--scale", help="Multiplies every number of steps; 1 takes a few minutes on two cores.")
    ] = 1.0,
    seed: o.SeedOption = None,
    dry_run: o.DryRunOption = False,
) -> None:
    """Show the whole workflow in a few minutes: search, derive, retrain, evaluate, compare, report.

    Example: [bold]nas demo --out demo[/bold]
    """
    from nas.errors import UsageError

    folder = out or Path("demo")
    if (folder / "search").exists() or (folder / "derived").exists():
        raise UsageError(f"{str(folder)!r} already contains a demo; remove it or choose another --out")
    if scale <= 0:
        raise UsageError(f"--scale {scale} must be above 0")
    run_demo(folder, scale, seed or 1, dry_run)


def run_demo(folder: Path, scale: float, seed: int, dry_run: bool) -> None:
    """Search the JSM space on the sample photographs, retrain what was found and the released genotype alike.

    Args:
        folder: Where everything is written.
        scale: Factor of every number of steps, above 0.
        seed: Seed of everything random.
        dry_run: Print what the search would cost, and do nothing.
    """
    from nas.cli.dry_run import show_plan
    from nas.cli.output import begins, ends
    from nas.cli.tables import print_rows
    from nas.config.reading import build
    from nas.config.runs import SearchSettings
    from nas.engines.search import plan_search, search
    from nas.report.comparison import write_comparison
    from nas.report.page.html import write_report
    from nas.report.published import load_published

    # one thread: on a busy machine two threads wait for each other, and a step takes many times as long
    common: dict[str, Any] = {"task": "sr_x2", "seed": seed, "data__patch": 48, "threads": 1}
    settings = build(
        SearchSettings,
        space="jsm",
        overrides={"network.cells": 2, "network.image_residual": True},
        train__steps=max(2, round(120 * scale)),
        data__batch=4,
        train__optimizer__lr=1e-3,
        search__optimizer__lr=6e-3,
        train__log_every=5,
        train__validate_every=10**6,
        **common,
    )
    if dry_run:
        show_plan(*plan_search(settings))
        return
    begins(
        f"search, train, evaluate and compare small networks for sr_x2 on photographs; on {settings.device}; into {folder}"
    )
    typer.echo("1/5  searching operation and attention blocks on photographs")
    found = search(settings, out=folder / "search")
    typer.echo(found.genotype.to_text())
    rows = _train_and_evaluate(folder, scale, found.run, common)
    typer.echo("5/5  comparing and reporting")
    literature = load_published()
    write_comparison(rows, literature, folder / "comparison", task="sr_x2", set_name="sample")
    report = write_report(
        folder / "report.html", run=folder / "search", rows=rows, published=literature, images=folder / "images"
    )
    print_rows(rows)
    ends(report, "nas", "search", "--space", "jsm", "--task", "sr_x2", "--data", "PHOTOS")


def _train_and_evaluate(folder: Path, scale: float, run: Path, common: dict[str, Any]) -> Any:
    from nas.cli.output import command_line
    from nas.config.reading import build
    from nas.config.runs import RetrainSettings
    from nas.evaluation.harness import evaluate
    from nas.train.retrain import retrain

    weights = []
    for step, (name, model) in enumerate((("derived", str(run)), ("released", "jsnet_released")), start=2):
        typer.echo(f"{step}/5  retraining the {name} genotype from scratch")
        settings = build(
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
        weights.append((name, str(retrain(settings, out=folder / name).weights)))
    typer.echo("4/5  evaluating on photographs that trained nothing")
    return evaluate(
        ["bicubic", *weights],
        "sr_x2",
        ["sample"],
        out=folder / "rows.csv",
        save_images=folder / "images",
        command=command_line(),
        progress=True,
    )
