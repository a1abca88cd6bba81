"""Supernets judged on a table: what their genotype is worth there, and whether they rank the others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nas.bench.correlations import Ranking, ranking_of
from nas.bench.strategies.game import Game
from nas.config.runs import SearchSettings
from nas.engines.derive import SELECTIONS, derive
from nas.errors import UsageError
from nas.experiments.rank_agreement import supernet_scores
from nas.train.run import Run


@dataclass(frozen=True)
class Derived:
    """A genotype derived from a supernet.

    Attributes:
        selection: How it was derived (``nas.engines.derive.SELECTIONS``).
        genotype: Its hash.
        psnr: Its expected PSNR in the table, in dB; None where it was not trained yet.
        regret: The best expected PSNR minus that; None likewise.
        beaten: Share of the trained genotypes that are worse, ties counted half; None likewise.
    """

    selection: str
    genotype: str
    psnr: float | None
    regret: float | None
    beaten: float | None


@dataclass(frozen=True)
class JudgedSupernet:
    """A run with a supernet, judged on a table.

    Attributes:
        run: Name of its folder.
        strategy: Its strategy.
        seed: Its seed.
        derived: Its genotypes, one for each selection.
        ranking: How the values of all genotypes with its weights rank the trained ones.
    """

    run: str
    strategy: str
    seed: int
    derived: tuple[Derived, ...]
    ranking: Ranking


def judge_supernet(folder: Path, game: Game, selections: tuple[str, ...] = SELECTIONS) -> JudgedSupernet:
    """Derive from a finished run, look the genotypes up, and value all trained genotypes with its weights.

    Args:
        folder: Folder of the run.
        game: The table, of the same space and task.
        selections: How genotypes are derived.

    Raises:
        UsageError: The run is of another space or task.
    """
    settings = Run.open(folder).expect(SearchSettings)
    own = derive(folder)
    if own.space_hash != game.space.hash or settings.task != game.table.recipe.task:
        raise UsageError(
            f"run {str(folder)!r} searched space {settings.space!r} for task {settings.task!r}, the table is of "
            f"{game.space.name!r} and {game.table.recipe.task!r}"
        )
    found = []
    for selection in selections:
        genotype = own if selection == SELECTIONS[0] else derive(folder, select=selection)
        found.append(_looked_up(selection, game.space.encode(genotype), game))
    genotypes = {g.hash: g for g in map(game.space.decode, game.expected)}
    scores = supernet_scores(folder, settings, genotypes)
    name = f"{settings.strategy} seed {settings.seed}"
    return JudgedSupernet(
        folder.resolve().name, settings.strategy, settings.seed, tuple(found), ranking_of(name, scores, game)
    )


def _looked_up(selection: str, vector: tuple[int, ...], game: Game) -> Derived:
    digest, values = game.space.decode(vector).hash, list(game.expected.values())
    if vector not in game.expected:
        return Derived(selection, digest, None, None, None)
    psnr = game.expected[vector]
    beaten = (sum(v < psnr for v in values) + sum(v == psnr for v in values) / 2) / len(values)
    return Derived(selection, digest, psnr, max(values) - psnr, beaten)
