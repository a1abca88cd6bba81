"""How well scores rank the genotypes of a table: Kendall's tau with PSNR, and with what size leaves of it."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nas.bench.strategies.game import Game, Scenario
from nas.files import write_text
from nas.statistics.intervals import Correlation, kendall


@dataclass(frozen=True)
class Ranking:
    """How well one score ranks the trained genotypes of a table.

    Attributes:
        score: Name of the score.
        psnr: Its rank correlation with the expected PSNR.
        without_size: That with the residuals of PSNR on the logarithms of multiply-adds and parameters.
        macs: That with multiply-adds: how much of a size the score itself is.
        size: Share of the variance of PSNR that the regression on size explains, 0..1.
    """

    score: str
    psnr: Correlation
    without_size: Correlation
    macs: Correlation
    size: float


def ranking_of(score: str, values: Mapping[str, float], game: Game) -> Ranking:
    """Compare a score with the table.

    Args:
        score: Its name.
        values: Score of each genotype by hash; genotypes without one, or with one that is not finite, are left out.
        game: The table.
    """
    residuals = game.worth(Scenario("without_size", size_taken_out=True))
    hashes = {v: game.space.decode(v).hash for v in game.expected}
    chosen = [v for v in game.expected if math.isfinite(values.get(hashes[v], math.nan))]
    mine = [values[hashes[v]] for v in chosen]
    return Ranking(
        score,
        kendall(mine, [game.expected[v] for v in chosen]),
        kendall(mine, [residuals[v] for v in chosen]),
        kendall(mine, [game.costs(v)["macs"] for v in chosen]),
        game.share_of_size,
    )


def size_rankings(game: Game) -> list[Ranking]:
    """How well parameters and multiply-adds alone rank the genotypes."""
    names = ("params", "macs")
    return [
        ranking_of(name, {game.space.decode(v).hash: game.costs(v)[name] for v in game.expected}, game)
        for name in names
    ]


#: header of the file of rankings
COLUMNS = (
    "score",
    "n",
    "tau",
    "tau_low",
    "tau_high",
    "tau_without_size",
    "tau_without_size_low",
    "tau_without_size_high",
    "tau_macs",
    "size_share",
)


def write_rankings(path: Path, rankings: Sequence[Ranking]) -> Path:
    """Write rankings as CSV, four decimals, empty where there is no correlation; returns the path."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for found in rankings:
        numbers = [*_ends(found.psnr), *_ends(found.without_size), found.macs.tau, found.size]
        writer.writerow([found.score, found.psnr.n, *("" if x is None else f"{x:.4f}" for x in numbers)])
    return write_text(path, stream.getvalue())


def _ends(found: Correlation) -> Iterable[float | None]:
    return found.tau, found.low, found.high
