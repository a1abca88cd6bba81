"""``nas bench table``: a small space that is trained whole, so that searches become look-ups."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nas.cli import options as o
from nas.cli.quantities import ImageSize, parse_duration, parse_size, quantity

_Folder = Annotated[Path, typer.Argument(help="Folder of the table.")]
_Data = Annotated[Path, typer.Option("--data", "-d", help="Folder that contains the folders of training images.")]
_Time = Annotated[
    float | None, quantity("--time", parse_duration, "Begin no training after this time, e.g. 90s, 30m or 1h30m.")
]
_Trainings = Annotated[int | None, typer.Option("--trainings", min=0, help="Do no more than this many trainings.")]
_Nice = Annotated[int, typer.Option("--nice", min=0, max=19, help="Niceness added, so that other work goes first.")]
_Size = Annotated[ImageSize, quantity("--size", parse_size, "Input size in pixels.")]


def make_command(
    data: _Data,
    out: o.OutOption = None,
    recipe: Annotated[Path | None, typer.Option("--recipe", help="YAML file with what differs from the usual.")] = None,
    time: _Time = None,
    trainings: _Trainings = None,
    nice: _Nice = 10,
) -> None:
    """Begin a table: write its recipe and all genotypes with their costs, then train.

    Example: [bold]nas bench table make --data images --out table[/bold]
    """
    from nas.bench.table.making import begin_table
    from nas.estimators.table_recipe import TableRecipe, read_recipe

    folder = out or Path("results/benchmark")
    begin_table(folder, read_recipe(recipe) if recipe is not None else TableRecipe(), data)
    resume_command(folder, data, time, trainings, nice)


def resume_command(
    folder: _Folder,
    data: _Data,
    time: _Time = None,
    trainings: _Trainings = None,
    nice: _Nice = 10,
) -> None:
    """Do the trainings of a table that are missing; several processes may do so at once.

    Finished trainings are kept; one that is interrupted is begun again.

    Example: [bold]nas bench table resume table --data images --time 1h[/bold]
    """
    from nas.bench.table.making import resume_table
    from nas.cli.output import wrote
    from nas.estimators.table_recipe import RUNS

    done = resume_table(folder, data, seconds=time, trainings=trainings, niceness=nice)
    typer.echo(f"{done} trainings finished")
    wrote(folder / RUNS)


def status_command(folder: _Folder) -> None:
    """How far a table is: trainings by seed, CPU hours spent and left.

    As soon as two genotypes were trained with every seed, the noise of a training is stated too.

    Example: [bold]nas bench table status table[/bold]
    """
    from nas.bench.table.making import table_status
    from nas.cli.tables import print_table

    found = table_status(folder)
    print_table(("seed", "trainings", "of"), [(seed, found.done[seed], n) for seed, n in found.planned.items()])
    left = "" if found.hours_left is None else f", about {found.hours_left:.1f} left"
    typer.echo(f"{found.running} running now, {found.cpu_hours:.2f} CPU hours spent{left}")
    if sum(found.done.values()):
        _print_noise(folder)


def _print_noise(folder: Path) -> None:
    """Components of variance at the last mark, if there are enough trainings."""
    from nas.estimators.table_values import StoredTable
    from nas.statistics.two_way import two_way_components

    values = StoredTable.load(folder).repeated
    if min(values.shape[:2]) < 2:
        return
    found = two_way_components(values[:, :, -1].tolist())
    typer.echo(
        f"PSNR of {found.genotypes} genotypes x {found.seeds} seeds: residual SD {found.residual_sd:.4f} dB "
        f"(95 % interval {found.residual_low:.4f} to {found.residual_high:.4f}), genotypes {found.genotype_sd:.4f} dB, "
        f"common to a seed {found.seed_sd:.4f} dB"
    )


def check_command(
    folder: _Folder,
    data: Annotated[
        Path | None, typer.Option("--data", "-d", help="Folder that contains the folders of images.")
    ] = None,
    repeat: Annotated[int, typer.Option("--repeat", min=0, help="Trainings to repeat, bit for bit.")] = 0,
    partial: Annotated[bool, typer.Option("--partial", help="Trainings may still be missing.")] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of what is sampled.")] = 0,
) -> None:
    """Check a table for gaps and wrong hashes, marks and costs, and repeat trainings; exit code 1 if something is wrong.

    Example: [bold]nas bench table check table --data images --repeat 10[/bold]
    """
    from nas.bench.table.checking import check_table, lines
    from nas.errors import UsageError

    if repeat and data is None:
        raise UsageError("trainings are repeated with the images of the table; give their folder with --data")
    findings = check_table(folder, data=data, repeat=repeat, partial=partial, seed=seed)
    for line in lines(findings):
        typer.echo(line)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def latency_command(
    folder: _Folder,
    size: _Size = ImageSize(160, 90),
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="How often each network is timed.")] = 5,
) -> None:
    """Time every genotype of a table on one thread, in alternation with a reference; run it on a quiet machine.

    Example: [bold]nas bench table latency table[/bold]
    """
    from nas.bench.table.timing import time_genotypes
    from nas.cli.output import wrote

    wrote(time_genotypes(folder, size.height, size.width, rounds))
