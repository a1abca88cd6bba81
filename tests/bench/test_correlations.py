"""Scores compared with a table: a score that is size ranks PSNR and not what size leaves of it."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

import nas
from nas.bench.correlations import ranking_of, size_rankings, write_rankings
from nas.bench.proxies import proxies_of, score_genotypes, stored_scores
from nas.bench.strategies.game import Game, Scenario
from nas.bench.supernets import judge_supernet
from nas.errors import UsageError
from nas.estimators.table_recipe import TableRecipe
from nas.estimators.table_values import StoredTable
from nas.objectives.costs import GenotypeCosts
from nas.registry import ESTIMATORS
from nas.space import Genotype
from nas.strategies.conformance import tiny_search
from nas.tasks import get_task
from tests.bench.strategies.synthetic import SPACE, separable, write_table
from tests.experiments.experiment_examples import image_folder

EXTRA = np.random.default_rng(2).normal(0, 0.02, (3, 4))


def extra(vector: tuple[int, ...]) -> float:
    return float(sum(EXTRA[d, i] for d, i in enumerate(vector)))


def eight_genotypes(folder: Path) -> str:
    """A space of two choices on each of three edges."""
    (folder / "eight.yaml").write_text(SPACE.replace("sep_conv_3x3, lrb, rb", "lrb"), encoding="utf-8")
    return str(folder / "eight.yaml")


@pytest.fixture(scope="module")
def game(tmp_path_factory: pytest.TempPathFactory) -> Game:
    """PSNR is the logarithm of the multiply-adds, and what the choices add to it beside their size."""
    costs: dict[str, GenotypeCosts] = {}

    def value(genotype: Genotype, vector: tuple[int, ...]) -> float:
        found = costs.setdefault("all", GenotypeCosts(nas.load_space(str(folder / "small.yaml")), get_task("sr_x2")))
        return 30 + 2 * float(np.log(found.of(genotype)["macs"])) + extra(vector)

    folder = tmp_path_factory.mktemp("table")
    return Game(StoredTable.load(write_table(folder, value, repeated=0)))


def test_size_ranks_psnr_and_says_nothing_of_what_it_leaves(game: Game) -> None:
    _, macs = size_rankings(game)
    assert macs.psnr.tau is not None and macs.psnr.tau > 0.8 and macs.psnr.n == 64
    assert macs.without_size.tau is not None and abs(macs.without_size.tau) < 0.2
    assert macs.macs.tau == pytest.approx(1.0) and game.share_of_size > 0.9


def test_what_the_choices_add_ranks_the_residuals(game: Game) -> None:
    values = {game.space.decode(v).hash: extra(v) for v in game.vectors}
    found = ranking_of("extra", values, game)
    assert found.without_size.tau is not None and found.psnr.tau is not None
    assert found.without_size.tau > 0.5 > found.psnr.tau
    residuals = game.worth(Scenario("without_size", size_taken_out=True))
    assert np.mean(list(residuals.values())) == pytest.approx(np.mean(list(game.expected.values())))


def test_scores_that_are_missing_or_not_finite_are_left_out(game: Game, tmp_path: Path) -> None:
    hashes = [game.space.decode(v).hash for v in game.vectors]
    values = {key: float(i) for i, key in enumerate(hashes[:20])} | {hashes[0]: float("nan")}
    found = ranking_of("some", values, game)
    assert found.psnr.n == 19
    (row,) = csv.DictReader(write_rankings(tmp_path / "r.csv", [found]).open())
    assert (row["score"], row["n"]) == ("some", "19") and float(row["tau"]) == pytest.approx(found.psnr.tau, abs=1e-4)


def test_every_registered_score_is_computed_and_read_back(tmp_path: Path) -> None:
    folder, document = tmp_path / "table", eight_genotypes(tmp_path)
    write_table(folder, space=document, repeated=0)
    space = nas.load_space(document)
    TableRecipe(space=document, space_hash=space.hash, batch=1, patch=32).save(folder)
    estimators = proxies_of(TableRecipe(space=document, batch=1, patch=32))
    kinds = [ESTIMATORS.get(name) for name in ESTIMATORS.names() if ESTIMATORS.get(name).quality == "score"]
    assert len(estimators) == sum(len(kind.variants()) for kind in kinds) > 1
    stored = stored_scores(score_genotypes(folder))
    assert set(stored) == set(estimators)
    genotype = space.sample(3)
    for name, scores in stored.items():
        assert len(scores) == space.size() == 8
        assert scores[genotype.hash] == pytest.approx(estimators[name](genotype, 7)["score"], rel=1e-5)


def test_a_supernet_is_judged_by_its_genotypes_and_its_ranking(tmp_path: Path) -> None:
    document = eight_genotypes(tmp_path)
    game = Game(StoredTable.load(write_table(tmp_path / "table", separable, space=document, repeated=0)))
    images = {"data__path": [str(image_folder(tmp_path / "images"))]}
    settings = tiny_search("single_path", tmp_path, document, overrides={}, **images)
    run = nas.search(settings, out=tmp_path / "run")
    found = judge_supernet(run.run, game)
    assert [d.selection for d in found.derived] == ["weights", "perturbation"]
    mine = found.derived[0]
    assert mine.genotype == run.genotype.hash and mine.psnr is not None and mine.regret is not None
    assert mine.psnr + mine.regret == pytest.approx(max(game.expected.values())) and 0 <= (mine.beaten or 0) <= 1
    assert found.ranking.psnr.n == 8
    other = nas.search(tiny_search("random", tmp_path / "other", **images), out=tmp_path / "other/run")
    with pytest.raises(UsageError, match="the table is of"):
        judge_supernet(other.run, game)
