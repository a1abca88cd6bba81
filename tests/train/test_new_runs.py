"""What a new run begins with: the recipe of its task, fitted to strategy, space and model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nas.cli.flags import FLAGS, settings_from
from nas.config.reading import build
from nas.config.recipes import recipe_names
from nas.config.runs import RetrainSettings, SearchSettings
from nas.engines.setup import space_of
from nas.errors import UsageError
from nas.registry import BASELINES, STRATEGIES
from nas.space import SPACES
from nas.train.run import Run


def search_settings(**given: Any) -> SearchSettings:
    return settings_from(SearchSettings, "search", {**dict.fromkeys(FLAGS["search"]), **given})


def retrain_settings(**given: Any) -> RetrainSettings:
    return settings_from(RetrainSettings, "retrain", {**dict.fromkeys(FLAGS["retrain"]), **given})


@pytest.mark.parametrize("space", SPACES.names())
def test_the_image_skip_is_on_in_every_space_that_has_the_setting_open_to_it(space: str) -> None:
    settings = search_settings(space=space)
    network = space_of(settings).document["network"]
    assert network.get("image_residual", True) is True
    assert build(SearchSettings, space=space).overrides == {}  # and a program's own settings stay as they were


@pytest.mark.parametrize("strategy", STRATEGIES.names())
def test_the_recipe_fits_every_strategy(strategy: str) -> None:
    settings = search_settings(strategy=strategy)
    assert settings.strategy == strategy
    if STRATEGIES.get(strategy).differentiable:
        assert settings.search.model_extra["warmup"] == 0.2  # type: ignore[index]


@pytest.mark.parametrize("name", [n for n in recipe_names("search") if "jsnet" not in n])
def test_a_named_recipe_fits_another_strategy_and_space(name: str) -> None:
    settings = search_settings(config=Path(name), strategy="random", space="osm")
    assert space_of(settings).name == "osm" and settings.strategy == "random"


def test_a_preset_of_the_space_stands_as_it_is() -> None:
    assert search_settings(preset="paper").overrides == {}
    assert search_settings(config=Path("search_jsnet_paper")).overrides == {}


def test_a_document_of_the_users_keeps_what_it_says(tmp_path: Path) -> None:
    text = SPACES.get("jsm").read_text(encoding="utf-8")
    stated, silent = tmp_path / "stated.yaml", tmp_path / "silent.yaml"
    stated.write_text(text)
    silent.write_text(text.replace("  image_residual: false\n", ""))
    assert search_settings(space=str(stated)).overrides == {}
    assert search_settings(space=str(silent)).overrides == {"network.image_residual": True}


def test_what_the_user_says_wins() -> None:
    given = {"steps": 40, "lr": 2e-4, "assign": ["overrides.network.image_residual=false", "search.warmup=0.5"]}
    settings = search_settings(**given)
    assert (settings.train.steps, settings.train.optimizer.lr) == (40, 2e-4)
    assert settings.overrides == {"network.image_residual": False}
    assert settings.search.model_extra["warmup"] == 0.5  # type: ignore[index]


@pytest.mark.parametrize(("steps", "warmup"), [(5, 0), (40, 4), (5000, 50)])
def test_the_learning_rate_rises_for_a_tenth_of_the_steps_at_most(steps: int, warmup: int) -> None:
    assert search_settings(steps=steps).train.schedule.warmup == warmup
    assert search_settings(steps=steps, assign=["train.schedule.warmup=7"]).train.schedule.warmup == 7


@pytest.mark.parametrize("model", [n for n in BASELINES.names() if BASELINES.get(n).trainable])
def test_baselines_keep_their_own_network(model: str) -> None:
    assert retrain_settings(model=model).network == {}


def test_a_released_genotype_gets_the_image_skip_and_a_searched_one_says_it_itself(tmp_path: Path) -> None:
    assert retrain_settings(model="jsnet_released").network == {"image_residual": True}
    assert retrain_settings(model=str(tmp_path)).network == {}
    assert retrain_settings(model="found.json").network == {}
    assert retrain_settings(model="jsnet_released", config=Path("retrain_jsnet_paper")).network == {
        "image_residual": False
    }


def test_a_recipe_of_the_other_kind_is_refused() -> None:
    with pytest.raises(UsageError, match="is of 'nas search'"):
        retrain_settings(config=Path("search_sr"))


def test_a_file_beside_the_recipes_is_taken_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("kind: search\ntask: sr_x4\ntasks: {sr_x4: {data: {patch: 80}}}\n")
    settings = search_settings(config=file)
    assert settings == build(SearchSettings, {"task": "sr_x4", "data": {"patch": 80}})


def test_a_stored_configuration_knows_nothing_of_recipes(tmp_path: Path) -> None:
    plain = build(SearchSettings, space="jsm")
    Run.create(tmp_path / "run", "search", plain)
    assert Run.open(tmp_path / "run").settings == plain
