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
        found: The genotype that the search would return after each trial: of those trained the longest the one with the
            best PSNR as it was told; None before the first.
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
    strategy.costs = game.counted
    if strategy.multi_fidelity:
        strategy.levels = game.table.recipe.mark_steps
    table = _Answers(game, scenario, options, seed)
    spent, best = 0.0, (-1, -math.inf)
    seconds: list[float] = []
    found: list[Vector | None] = []
    vectors: list[Vector] = []
    while True:
        try:
            genotype = strategy.ask()
        except ExhaustedError:
            break
        vector = game.space.encode(genotype)
        answer = table.train(vector, strategy.train_to if strategy.multi_fidelity else None)
        if spent + answer.seconds > budget:
            break
        spent += answer.seconds
        strategy.tell(genotype, answer.values, pruned=answer.pruned)
        better = False
        if answer.values is not None and not answer.pruned:
            reached = (answer.mark, answer.values["psnr"])  # what is trained longer counts more
            better, best = reached > best, max(reached, best)
            if answer.mark == len(game.table.recipe.marks) - 1:
                vectors.append(vector)
        seconds.append(spent)
        found.append(vector if better else found[-1] if found else None)
    return Played(tuple(seconds), tuple(found), tuple(vectors))


@dataclass(frozen=True)
class Answer:
    """What a table says of a stretch of training.

    Attributes:
        values: By objective; None if the training diverged.
        seconds: CPU seconds that the stretch took.
        mark: Index of the mark that it has reached.
        pruned: Whether it was ended there.
    """

    values: dict[str, float] | None
    seconds: float
    mark: int
    pruned: bool = False


class _Answers:
    """What a table answers to one search."""

    def __init__(self, game: Game, scenario: Scenario, options: SearchOptions, seed: int) -> None:
        self._game, self._options = game, options
        self._effects = game.size_effects if scenario.size_taken_out else {}
        self._objectives = objectives_of(options)
        self._rng = np.random.default_rng([seed, 1])
        self._steps = game.table.recipe.mark_steps
        self._rungs: list[list[dict[str, float]]] = [[] for _ in self._steps[:-1]]
        self._halted: dict[Vector, tuple[int, int]] = {}  # which training, and the mark that it has reached

    def train(self, vector: Vector, steps: int | None = None) -> Answer:
        """Train a genotype whole, or from where it was halted up to ``steps``."""
        last = len(self._steps) - 1
        curves = self._game.curves(vector)
        if not curves:
            return Answer(None, 0.0, last)
        drawn, before = self._halted.get(vector, (-1, -1))
        if drawn < 0:
            drawn = int(self._rng.integers(len(curves)))
        psnr, seconds = curves[drawn]
        if self._effects:
            psnr = tuple(value - float(effect) for value, effect in zip(psnr, self._effects[vector], strict=True))
        costs = self._game.costs(vector)
        if steps is not None:
            mark = self._steps.index(steps)
            self._halted[vector] = (drawn, mark)
            took = seconds[mark] - (seconds[before] if before >= 0 else 0.0)
            return Answer(self._values(psnr[mark], costs), took, mark)
        if self._options.pruning:
            for mark, earlier in enumerate(self._rungs):
                values = self._values(psnr[mark], costs)
                stop = should_stop(values, earlier, self._options)
                earlier.append(values)
                if stop:
                    return Answer(values, seconds[mark], mark, pruned=True)
        return Answer(self._values(psnr[-1], costs), seconds[-1], last)

    def _values(self, psnr: float, costs: Any) -> dict[str, float]:
        return {name: psnr if name == self._objectives[0] else costs[name] for name in self._objectives}
