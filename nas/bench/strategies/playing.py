"""One search played on a table: a strategy asks, the table answers, and simulated CPU seconds are counted."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from nas.bench.strategies.game import Game, Scenario
from nas.config.search import SearchOptions
from nas.estimators.pruning import should_stop
from nas.objectives.constraints import ExhaustedError, Vector
from nas.objectives.objectives import objectives_of
from nas.registry import STRATEGIES
from nas.strategies.base import DiscreteStrategy


@dataclass(frozen=True)
class Player:
    """A strategy with its settings.

    Attributes:
        strategy: Its registered name.
        pruning: Whether trainings that fall behind are ended at a mark, as ``search.pruning`` does.
        settings: Settings under ``search`` that are not the usual ones.
    """

    strategy: str
    pruning: bool = False
    settings: tuple[tuple[str, Any], ...] = ()

    @property
    def name(self) -> str:
        """In tables and figures."""
        return f"{self.strategy}, pruned" if self.pruning else self.strategy


@dataclass(frozen=True)
class Played:
    """One search.

    Attributes:
        seconds: Simulated CPU seconds after each trial.
        found: The genotype that the search would return after each trial: that with the best PSNR as it was told; None
            before the first that was trained to the end.
        vectors: The genotypes that were trained to the end.
    """

    seconds: tuple[float, ...]
    found: tuple[Vector | None, ...]
    vectors: tuple[Vector, ...]


def play(player: Player, game: Game, scenario: Scenario, seed: int, trials: int, budget: float) -> Played:
    """Play one search until its simulated time is spent or no genotype is left.

    What the table answers for a genotype is one of its trainings, drawn by the seed of the search. A trial that the
    budget does not cover is not counted.

    Args:
        player: The strategy.
        game: The table.
        scenario: What is looked for.
        seed: Seed of the search.
        trials: The number of trials that the strategy is told to plan for.
        budget: Simulated CPU seconds.

    Returns:
        The course of the search.
    """
    options = SearchOptions.model_validate(
        {
            "trials": trials,
            "objectives": list(scenario.objectives),
            "pruning": player.pruning,
            **dict(player.settings),
        }
    )
    strategy: DiscreteStrategy = STRATEGIES.get(player.strategy)(options, game.space, seed)
    strategy.restrict(game.constraints(scenario))
    table = _Answers(game, options, seed)
    spent, best = 0.0, -math.inf
    seconds: list[float] = []
    found: list[Vector | None] = []
    vectors: list[Vector] = []
    while True:
        try:
            genotype = strategy.ask()
        except ExhaustedError:
            break
        vector = game.space.encode(genotype)
        values, took, pruned = table.train(vector)
        if spent + took > budget:
            break
        spent += took
        strategy.tell(genotype, values, pruned=pruned)
        better = values is not None and not pruned and values["psnr"] > best
        if values is not None and not pruned:
            vectors.append(vector)
            best = max(best, values["psnr"])
        seconds.append(spent)
        found.append(vector if better else found[-1] if found else None)
    return Played(tuple(seconds), tuple(found), tuple(vectors))


class _Answers:
    """What a table answers to one search."""

    def __init__(self, game: Game, options: SearchOptions, seed: int) -> None:
        self._game, self._options = game, options
        self._objectives = objectives_of(options)
        self._rng = np.random.default_rng([seed, 1])
        self._rungs: list[list[dict[str, float]]] = [[] for _ in game.table.recipe.marks[:-1]]

    def train(self, vector: Vector) -> tuple[dict[str, float] | None, float, bool]:
        """The values that a training reaches (None if it diverges), its CPU seconds, and whether it was pruned."""
        curves = self._game.curves(vector)
        if not curves:
            return None, 0.0, False
        psnr, seconds = curves[int(self._rng.integers(len(curves)))]
        costs = self._game.costs(vector)
        if self._options.pruning:
            for mark, earlier in enumerate(self._rungs):
                values = self._values(psnr[mark], costs)
                stop = should_stop(values, earlier, self._options)
                earlier.append(values)
                if stop:
                    return values, seconds[mark], True
        return self._values(psnr[-1], costs), seconds[-1], False

    def _values(self, psnr: float, costs: Any) -> dict[str, float]:
        return {name: psnr if name == self._objectives[0] else costs[name] for name in self._objectives}
