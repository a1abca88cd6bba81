"""``nas bench proxies`` and ``nas bench supernets``: scores of genotypes compared with a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nas.cli import options as o

if TYPE_CHECKING:
    from nas.bench.correlations import Ranking
    from nas.bench.strategies.game import Game

_Table = Annotated[Path, typer.Option("--table", help="Folder of the table.")]


def proxies_command(
    table: _Table = Path("results/benchmark"),
    data: Annotated[
        str | None, typer.Option("--data", "-d", help="Folder of images; default: the sample photographs.")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Score all genotypes again.")] = False,
    plugin: o.PluginOption = None,
) -> None:
    """Zero-cost proxies of all registered estimators over every genotype of a table, and their rank correlations.

    Scores are computed once and kept in proxies.csv; the correlations follow from the trainings that are there now.

    Example: [bold]nas bench proxies --table results/benchmark[/bold]
    """
    from nas.bench.correlations import ranking_of, size_rankings, write_rankings
    from nas.bench.proxies import PROXIES_FILE, score_genotypes, stored_scores
    from nas.bench.strategies.game import Game
    from nas.cli.output import wrote
    from nas.estimators.table_values import StoredTable
    from nas.registry import load_plugins

    load_plugins(list(plugin or ()))
    game, file = Game(StoredTable.load(table)), table / PROXIES_FILE
    if again or not file.is_file():
        score_genotypes(table, data)
    rankings = [*size_rankings(game), *(ranking_of(n, v, game) for n, v in stored_scores(file).items())]
    _print_rankings(rankings, game)
    wrote(file)
    wrote(write_rankings(table / "proxies_tau.csv", rankings))


def supernets_command(
    runs: Annotated[list[Path], typer.Argument(help="Run folders of searches with a supernet.")],
    table: _Table = Path("results/benchmark"),
    plugin: o.PluginOption = None,
    out: o.OutOption = None,
) -> None:
    """Judge supernets on a table: what their genotypes are worth, and whether their values rank all genotypes.

    Example: [bold]nas bench supernets runs/darts runs/single_path --table results/benchmark[/bold]
    """
    from nas.bench.correlations import write_rankings
    from nas.bench.strategies.game import Game
    from nas.bench.supernets import judge_supernet
    from nas.cli.output import wrote
    from nas.cli.tables import print_table
    from nas.estimators.table_values import StoredTable
    from nas.registry import load_plugins

    load_plugins(list(plugin or ()))
    game = Game(StoredTable.load(table))
    judged = [judge_supernet(run, game) for run in runs]
    print_table(
        ("run", "selection", "genotype", "PSNR dB", "regret dB", "better than"),
        [
            (one.run, d.selection, d.genotype, *(_or_none(d.psnr), _or_none(d.regret)), _share(d.beaten))
            for one in judged
            for d in one.derived
        ],
    )
    _print_rankings([one.ranking for one in judged], game)
    wrote(write_rankings(out or Path("supernets_tau.csv"), [one.ranking for one in judged]))


def _or_none(value: float | None) -> str:
    return "not trained yet" if value is None else f"{value:.4f}"


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.0%}"


def _print_rankings(rankings: list[Ranking], game: Game) -> None:
    from nas.cli.tables import print_table
    from nas.statistics.sentences import correlation

    print_table(
        ("score", "with PSNR", "without size", "with multiply-adds"),
        [(r.score, correlation(r.psnr), correlation(r.without_size), correlation(r.macs)) for r in rankings],
    )
    typer.echo(
        f"{len(game.expected)} of {game.space.size()} genotypes; size explains {game.share_of_size:.0%} of the variance "
        "of PSNR"
    )
    if len(game.expected) < game.space.size():
        typer.echo("the table is not complete: these figures are preliminary")
