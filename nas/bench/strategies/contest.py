"""Many searches of many strategies on one table, by several processes, and what comes of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nas.bench.strategies.game import Game, Scenario, scenarios_of
from nas.bench.strategies.playing import Played, Player, play
from nas.errors import NasError, UsageError
from nas.estimators.table_values import StoredTable
from nas.progress import progress
from nas.registry import STRATEGIES, load_plugins
from nas.strategies.base import DiscreteStrategy
from nas.strategies.optuna_sampler import quiet_log

Array = NDArray[np.float64]
#: points in simulated time at which a search is looked at
POINTS = 60
#: searches that a process plays before it reports
CHUNK = 25


@dataclass(frozen=True)
class Rules:
    """What is played.

    Attributes:
        table: Folder of the table.
        runs: Searches of each strategy in each scenario.
        trials: The simulated time of a search on the whole table, in trainings of mean length; strategies plan for as
            many trials. Where a scenario allows a part of the genotypes, a search has that part of the trials.
        seed: The searches have this seed and those that follow.
        plugins: Plug-in files or modules that are imported first.
        slow_runs: Searches of each strategy whose proposals take milliseconds (``DiscreteStrategy.slow``), if fewer.
    """

    table: Path
    runs: int
    trials: int
    seed: int = 0
    plugins: tuple[str, ...] = ()
    slow_runs: int | None = None

    def runs_of(self, player: Player) -> int:
        """Searches of a strategy in each scenario."""
        slow = self.slow_runs is not None and STRATEGIES.get(player.strategy).slow
        return min(self.runs, self.slow_runs) if slow and self.slow_runs is not None else self.runs


@dataclass(frozen=True)
class Outcome:
    """All searches of one strategy in one scenario.

    Attributes:
        player: The strategy.
        scenario: What was looked for.
        budget: Simulated CPU seconds of a search.
        by_trial: Regret in dB after each trial, (runs, trials): the best expected PSNR of an allowed genotype minus
            that of the genotype that the search would return. The last value stays when a search has ended.
        by_time: The same after equal steps of simulated time, (runs, POINTS).
        to_top: Simulated CPU seconds until a search would return one of the best hundredth, (runs,); infinite if it
            never would.
        volume: Share of the hypervolume of the front (PSNR, multiply-adds, latency where it was measured) that the
            genotypes of a search reach, (runs,).
        trials: Trials of each search, (runs,).
    """

    player: Player
    scenario: Scenario
    budget: float
    by_trial: Array
    by_time: Array
    to_top: Array
    volume: Array
    trials: Array


def players_of(names: Sequence[str] | None, pruning: bool) -> list[Player]:
    """The strategies that can be played: those that propose whole genotypes in this process.

    Args:
        names: Registered names; None for all.
        pruning: Whether each is played with early stopping too.

    Raises:
        UsageError: A name is unknown, or its strategy proposes no genotypes.
    """
    chosen = []
    for name in STRATEGIES.names() if names is None else names:
        try:
            kind = STRATEGIES.get(name)
        except ImportError:
            if names is not None:
                raise
            continue
        if isinstance(kind, type) and issubclass(kind, DiscreteStrategy) and not kind.external:
            chosen.append(name)
        elif names is not None:
            raise UsageError(f"strategy {name!r} proposes no whole genotypes, so it cannot be played on a table")
    plain = [Player(name) for name in chosen]
    halting = {name for name in chosen if STRATEGIES.get(name).multi_fidelity}  # they stop trainings themselves
    return plain + [Player(name, pruning=True) for name in chosen if name not in halting] if pruning else plain


def hold_contest(
    rules: Rules, players: Sequence[Player], jobs: int = 1, percentiles: Sequence[float] = (25, 50, 75)
) -> list[Outcome]:
    """Play every strategy in every scenario.

    Args:
        rules: What is played.
        players: The strategies.
        jobs: Processes.
        percentiles: Of the multiply-adds of the genotypes, as limits.

    Returns:
        The outcomes, scenario by scenario, in the order of the players. They do not depend on ``jobs``.
    """
    game = Game(StoredTable.load(rules.table))
    pairs = [(player, scenario) for scenario in scenarios_of(game, percentiles) for player in players]
    work = [
        (player, scenario, rules.seed + done, min(CHUNK, rules.runs_of(player) - done))
        for player, scenario in pairs
        for done in range(0, rules.runs_of(player), CHUNK)
    ]
    found: dict[tuple[Player, Scenario], list[Outcome]] = {pair: [] for pair in pairs}
    with progress("searches", sum(task[-1] for task in work)) as bar, ExitStack() as stack:
        outcomes: Iterator[Outcome] = map(partial(_play, rules), work)
        if jobs > 1:
            # not forked: torch has threads, which a fork would leave in a state of their own
            pool = stack.enter_context(ProcessPoolExecutor(jobs, mp_context=get_context("spawn")))
            outcomes = pool.map(partial(_play, rules), work)
        for task, outcome in zip(work, outcomes, strict=True):
            found[task[0], task[1]].append(outcome)
            bar.advance(task[-1], task[0].name)
    return [_joined(parts) for parts in found.values()]


class _Referee:
    """Plays searches on a table that is loaded once."""

    def __init__(self, rules: Rules) -> None:
        load_plugins(list(rules.plugins))
        self.rules, self.game = rules, Game(StoredTable.load(rules.table))

    def play(self, player: Player, scenario: Scenario, start: int, count: int) -> Outcome:
        allowed = self.game.allowed(scenario)
        if not allowed:
            raise NasError(f"the table has no trained genotype yet that scenario {scenario.name!r} allows")
        worth = self.game.worth(scenario)
        best, top = max(worth[v] for v in allowed), self.game.top(scenario)
        worst = best - min(worth[v] for v in allowed)  # before anything is found
        trials = max(round(self.rules.trials * len(allowed) / len(self.game.vectors)), 1)
        budget = trials * self.game.mean_seconds(allowed)
        times = np.linspace(0.0, budget, POINTS + 1)[1:]
        rows: list[tuple[Array, Array, float, float, int]] = []
        for seed in range(start, start + count):
            with quiet_log():
                played = play(player, self.game, scenario, seed, trials, budget)
            regret = [worst if v is None else best - worth[v] for v in played.found]
            course = np.array([worst, *regret])
            by_trial = course[np.minimum(np.arange(1, trials + 1), len(regret))]
            by_time = course[np.searchsorted(np.array(played.seconds), times, "right")]
            volume = self.game.front_volume(played.vectors)
            rows.append((by_trial, by_time, _first(played, top), volume, len(regret)))
        columns = [np.array(column, dtype=np.float64) for column in zip(*rows, strict=True)]
        return Outcome(player, scenario, budget, *columns)


def _first(played: Played, top: set[Any]) -> float:
    """Simulated seconds until the search would return one of ``top``; infinite if it never would."""
    hits = (second for second, v in zip(played.seconds, played.found, strict=True) if v in top)
    return next(hits, math.inf)


def _joined(parts: Sequence[Outcome]) -> Outcome:
    names = ("by_trial", "by_time", "to_top", "volume", "trials")
    columns = [np.concatenate([getattr(part, name) for part in parts]) for name in names]
    return Outcome(parts[0].player, parts[0].scenario, parts[0].budget, *columns)


@lru_cache(maxsize=1)
def _referee(rules: Rules) -> _Referee:
    """The referee of this process."""
    return _Referee(rules)


def _play(rules: Rules, task: tuple[Player, Scenario, int, int]) -> Outcome:
    return _referee(rules).play(*task)
