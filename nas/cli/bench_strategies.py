"""``nas bench strategies``: searches played on a tabular benchmark."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nas.cli import options as o

if TYPE_CHECKING:
    from nas.bench.strategies.verdicts import CurvePoint, Verdict


def strategies_command(
    table: Annotated[Path, typer.Option("--table", help="Folder of the table.")] = Path("results/benchmark"),
    strategies: Annotated[
        str | None, typer.Option("--strategies", help="Names, with commas; default: all that propose whole genotypes.")
    ] = None,
    reference: Annotated[str, typer.Option("--reference", help="What the others are compared with.")] = "random",
    runs: Annotated[int, typer.Option("--runs", min=2, help="Searches of each strategy in each scenario.")] = 500,
    trials: Annotated[
        int | None,
        typer.Option(
            "--trials", min=1, help="Length of a search, in trainings of mean cost; default: a fifth of the genotypes."
        ),
    ] = None,
    pruning: Annotated[bool, typer.Option("--pruning", help="Play each with early stopping too.")] = False,
    slow_runs: Annotated[
        int, typer.Option("--slow-runs", min=2, help="Searches of strategies that take milliseconds to propose.")
    ] = 100,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Processes.")] = 2,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the first search.")] = 0,
    plugin: o.PluginOption = None,
    figures: Annotated[Path | None, typer.Option("--figures", help="Folder of the figures; default: --out.")] = None,
    out: o.OutOption = None,
) -> None:
    """Play searches on a table: regret, cost to the top, probability of beating random at equal cost.

    Every strategy also plays under limits of multiply-adds at the 25th, 50th and 75th percentile, for what is left of
    PSNR without size, and for the front of PSNR and multiply-adds.

    Example: [bold]nas bench strategies --table results/benchmark --runs 500[/bold]
    """
    from nas.bench.strategies.contest import Rules, hold_contest, players_of
    from nas.bench.strategies.game import Game
    from nas.bench.strategies.verdicts import CurvePoint, Verdict, curves_of, verdicts_of, write_rows
    from nas.cli.names import comma_separated
    from nas.cli.output import wrote
    from nas.estimators.table_values import StoredTable
    from nas.registry import load_plugins

    load_plugins(list(plugin or ()))
    named = None if strategies is None else list(dict.fromkeys([reference, *comma_separated(strategies)]))
    game = Game(StoredTable.load(table))
    trials = trials or max(round(len(game.vectors) / 5), 1)
    rules = Rules(table, runs, trials, seed, tuple(plugin or ()), slow_runs)
    outcomes = hold_contest(rules, players_of(named, pruning), jobs)
    verdicts = verdicts_of(outcomes, reference, len(game.expected))
    points = list(curves_of(outcomes))
    folder = out or Path("strategies")
    folder.mkdir(parents=True, exist_ok=True)
    write_rows(folder / "strategies.csv", verdicts, Verdict)
    write_rows(folder / "strategies_curves.csv", points, CurvePoint)
    _draw(figures or folder, points)
    for scenario, budget in {outcome.scenario.name: outcome.budget for outcome in outcomes}.items():
        typer.echo(f"scenario {scenario}: {budget / 3600:.2f} simulated CPU hours a search")
        _print([verdict for verdict in verdicts if verdict.scenario == scenario], reference)
    typer.echo(
        f"table {table}: {len(game.expected)} of {game.space.size()} genotypes, whose size explains "
        f"{game.share_of_size:.0%} of the variance of PSNR; {runs} searches of each strategy ({slow_runs} of slow ones), "
        "95 % intervals"
    )
    if len(game.expected) < game.space.size():
        typer.echo("the table is not complete: its verdicts are preliminary")
    wrote(folder)


def _draw(folder: Path, points: list[CurvePoint]) -> None:
    from nas.report.figures.regret import regret_figure
    from nas.report.figures.style import LIGHT, save_figure

    folder.mkdir(parents=True, exist_ok=True)
    for scenario in dict.fromkeys(point.scenario for point in points):
        figure = regret_figure((point for point in points if point.scenario == scenario), scenario, LIGHT)
        if figure is not None:
            save_figure(figure, folder / f"regret_{scenario}")


def _or_never(value: float, form: str) -> str:
    """A figure, or nothing where too few searches got to the top."""
    return format(value, form) if math.isfinite(value) else ""


def _print(verdicts: list[Verdict], reference: str) -> None:
    from nas.bench.strategies.verdicts import sentence
    from nas.cli.tables import print_table

    print_table(
        ("strategy", "regret dB", "interval", "beats reference", "interval", "top 1 %", "CPU s", "ratio", "volume"),
        [
            (
                v.strategy,
                f"{v.regret:.4f}",
                f"{v.regret_low:.4f} to {v.regret_high:.4f}",
                f"{v.wins:.2f}",
                f"{v.wins_low:.2f} to {v.wins_high:.2f}",
                f"{v.top_share:.2f}",
                _or_never(v.top_seconds, ".0f"),
                _or_never(v.cost_ratio, ".2f"),
                f"{v.volume:.3f}",
            )
            for v in verdicts
        ],
    )
    for verdict in verdicts:
        if verdict.strategy != reference:
            typer.echo(sentence(verdict, reference))
    typer.echo("")
