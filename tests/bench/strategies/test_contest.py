"""Searches on a table: what is counted, what is allowed, and that the verdicts are right where the answer is known."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from nas.bench.strategies.contest import Outcome, Rules, hold_contest, players_of
from nas.bench.strategies.game import Game, Scenario, scenarios_of
from nas.bench.strategies.playing import Player, play
from nas.bench.strategies.verdicts import Verdict, curves_of, sentence, verdicts_of
from nas.errors import UsageError
from nas.estimators.table_values import StoredTable
from nas.registry import STRATEGIES
from tests.bench.strategies.synthetic import separable, write_table

FREE = Scenario("free")
PLAYERS = players_of(None, pruning=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_table(tmp_path_factory.mktemp("table"))


@pytest.fixture(scope="module")
def game(folder: Path) -> Game:
    return Game(StoredTable.load(folder))


def test_every_strategy_over_whole_genotypes_that_runs_in_this_process_is_played() -> None:
    names = {player.strategy for player in PLAYERS}
    kinds = {name: STRATEGIES.get(name) for name in STRATEGIES.names() if name in names}
    assert names and all(not kind.differentiable and not kind.external for kind in kinds.values())
    halting = sum(kind.multi_fidelity for kind in kinds.values())  # which halt trainings anyway
    assert len(players_of(None, pruning=True)) == 2 * len(PLAYERS) - halting
    with pytest.raises(UsageError, match="no whole genotypes"):
        players_of(["pc_darts"], pruning=False)


@pytest.mark.parametrize("player", PLAYERS, ids=lambda player: player.name)
def test_a_search_that_may_try_everything_finds_the_best_and_repeats_nothing(player: Player, game: Game) -> None:
    played = play(player, game, FREE, seed=3, trials=30, budget=math.inf)
    assert len(set(played.vectors)) == len(played.vectors) == game.space.size() == 64
    assert played.found[-1] == max(game.expected, key=lambda v: game.expected[v]) == (3, 3, 3)
    assert list(played.seconds) == sorted(played.seconds)


@pytest.mark.parametrize("player", PLAYERS, ids=lambda player: player.name)
def test_limits_and_simulated_time_are_kept(player: Player, game: Game) -> None:
    tight = scenarios_of(game)[1]
    assert tight.most_macs is not None
    budget = 8 * game.mean_seconds(game.vectors)
    played = play(player, game, tight, seed=1, trials=8, budget=budget)
    assert 0 < played.seconds[-1] <= budget
    assert all(game.costs(v)["macs"] <= tight.most_macs for v in played.vectors)


def test_the_same_seed_plays_the_same_search(game: Game) -> None:
    for player in PLAYERS:
        first, again = (play(player, game, FREE, 5, 10, 200.0) for _ in range(2))
        assert first == again


def test_pruning_ends_trainings_at_marks_and_saves_time(game: Game) -> None:
    whole = play(Player("random"), game, FREE, 2, 30, math.inf)
    pruned = play(Player("random", pruning=True), game, FREE, 2, 30, math.inf)
    assert len(pruned.seconds) == len(whole.seconds) and len(pruned.vectors) < len(whole.vectors)
    assert pruned.seconds[-1] < 0.7 * whole.seconds[-1]


def test_only_trained_genotypes_of_a_partial_table_are_played(tmp_path: Path) -> None:
    game = Game(StoredTable.load(write_table(tmp_path, trained=20)))
    for player in PLAYERS:
        played = play(player, game, FREE, 1, 30, math.inf)
        assert set(played.vectors) == set(game.vectors) and len(played.vectors) == 20


def test_effects_of_seeds_do_not_move_the_values(tmp_path: Path) -> None:
    shifted = Game(StoredTable.load(write_table(tmp_path, seed_effects=(0.5, -0.5), repeated=10)))
    for vector, value in shifted.expected.items():
        assert value == pytest.approx(separable(shifted.space.decode(vector), vector))


def test_the_volume_of_all_genotypes_is_one_and_grows_with_them(game: Game) -> None:
    some = [game.front_volume(game.vectors[:n]) for n in (1, 10, 40, 64)]
    assert some == sorted(some) and some[-1] == pytest.approx(1.0) and some[0] < 1.0


def test_a_contest_does_not_depend_on_the_number_of_processes(folder: Path) -> None:
    rules = Rules(folder, runs=3, trials=6)
    players = players_of(["random", "local_search"], pruning=False)
    alone, shared = (hold_contest(rules, players, jobs, percentiles=(50,)) for jobs in (1, 2))
    assert len(alone) == 2 * 4
    for a, b in zip(alone, shared, strict=True):
        assert (a.player, a.scenario, a.budget) == (b.player, b.scenario, b.budget)
        for name in ("by_trial", "by_time", "to_top", "volume", "trials"):
            assert np.array_equal(getattr(a, name), getattr(b, name))
        assert bool((np.diff(a.by_time, axis=1) <= 1e-12).all())  # without noise a search never gets worse


def test_a_scenario_that_allows_a_part_of_the_genotypes_gives_that_part_of_the_trials(folder: Path, game: Game) -> None:
    free, half, *_ = hold_contest(Rules(folder, 2, 32), players_of(["random"], False), percentiles=(50,))
    share = len(game.allowed(half.scenario)) / 64
    assert half.by_trial.shape[1] == round(32 * share)
    assert half.budget < share * free.budget  # what is allowed is cheaper, too


def outcome(name: str, regret: list[float], to_top: list[float]) -> Outcome:
    values = np.array(regret)[:, None]
    column = np.ones(len(regret))
    return Outcome(Player(name), FREE, 100.0, values, values, np.array(to_top), column, column)


def test_verdicts_where_the_answer_is_known() -> None:
    reference = outcome("random", [0.2, 0.4] * 20, [100.0, math.inf] * 20)
    better = outcome("tpe", [0.1] * 40, [50.0] * 40)
    alike = outcome("evolution", [0.4, 0.2] * 20, [200.0] * 40)
    first, second, third = verdicts_of([reference, better, alike], "random")
    assert (first.wins, first.regret, first.top_share) == (0.5, pytest.approx(0.3), 0.5)
    assert second.wins == 1.0 and second.wins_low > 0.8 and second.top_seconds == 50.0
    assert third.wins == pytest.approx(0.5) and third.wins_low < 0.5 < third.wins_high
    assert "beats random" in sentence(second, "random")
    assert "cannot be told" in sentence(third, "random")
    with pytest.raises(UsageError, match="did not play"):
        verdicts_of([better], "random")


def test_searches_are_compared_seed_by_seed() -> None:
    reference = outcome("random", [0.1, 0.2, 0.3, 0.4] * 10, [1.0] * 40)
    always = outcome("tpe", [0.09, 0.19, 0.29, 0.39] * 5, [1.0] * 20)  # fewer searches, with the first seeds
    _, found = verdicts_of([reference, always], "random")
    assert found.wins == 1.0 and found.runs == 20  # unpaired it would be ahead in little more than half


def test_strategies_with_slow_proposals_play_fewer_searches(folder: Path) -> None:
    names = [name for name in ("random", "tpe") if name in STRATEGIES.names()]
    slow = {name for name in names if STRATEGIES.get(name).slow}
    outcomes = hold_contest(Rules(folder, 4, 4, slow_runs=2), players_of(names, False), percentiles=())
    assert slow and {o.player.name: len(o.trials) for o in outcomes} == {n: 2 if n in slow else 4 for n in names}


def test_without_size_what_counts_is_the_residual(game: Game) -> None:
    scenario = next(s for s in scenarios_of(game) if s.size_taken_out)
    worth = game.worth(scenario)
    size = np.log([[game.costs(v)["macs"], game.costs(v)["params"]] for v in worth])
    left = np.array(list(worth.values()))
    for column in (size - size.mean(axis=0)).T:
        assert abs(float(column @ (left - left.mean()))) < 1e-9
    player = next(p for p in PLAYERS if p.strategy == "random")
    played = play(player, game, scenario, seed=3, trials=30, budget=math.inf)
    assert played.found[-1] == max(worth, key=lambda v: worth[v])


def test_half_the_cost_is_a_ratio_of_one_half() -> None:
    found = verdicts_of([outcome("random", [0.1] * 9, [80.0] * 9), outcome("tpe", [0.1] * 9, [40.0] * 9)], "random")
    assert [v.cost_ratio for v in found] == [1.0, 0.5]


def test_curves_have_a_point_for_every_trial_and_moment(folder: Path) -> None:
    outcomes = hold_contest(Rules(folder, 2, 5), players_of(["random"], False), percentiles=())
    points = list(curves_of(outcomes))
    trials = [p for p in points if p.axis == "trials" and p.scenario == "free"]
    assert [p.x for p in trials] == [1, 2, 3, 4, 5]
    assert max(p.x for p in points if p.axis == "seconds") == pytest.approx(outcomes[0].budget)
    assert all(p.low <= p.mean <= p.high for p in points)
    assert isinstance(verdicts_of(outcomes, "random")[0], Verdict)


def test_a_table_without_trainings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no finished training"):
        Game(StoredTable.load(write_table(tmp_path, trained=0)))
