"""A key under ``search`` is checked against the settings of its owner: strategy, estimator, or the trials."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from nas.config.owners import foreign, refuse_foreign, with_strategy
from nas.config.reading import build, parse, to_yaml
from nas.config.runs import SearchSettings
from nas.config.search import SearchOptions
from nas.errors import UsageError
from nas.registry import ESTIMATORS, STRATEGIES

BOTH = [(s, e) for s in STRATEGIES.names() for e in ESTIMATORS.names()]


@pytest.mark.parametrize(("strategy", "estimator"), BOTH)
def test_the_written_tree_holds_the_settings_of_the_chosen_owners_and_no_others(strategy: str, estimator: str) -> None:
    settings = build(SearchSettings, strategy=strategy, search__estimator=estimator)
    owned = {*STRATEGIES.get(strategy).Settings.model_fields, *ESTIMATORS.get(estimator).Settings.model_fields}
    written = yaml.safe_load(to_yaml(settings))["search"]
    assert set(written) == owned | set(SearchOptions.model_fields)
    assert parse(SearchSettings, yaml.safe_load(to_yaml(settings))) == settings


@pytest.mark.parametrize("strategy", STRATEGIES.names())
def test_every_setting_has_a_default_and_a_description(strategy: str) -> None:
    model = STRATEGIES.get(strategy).Settings
    assert model() == SearchOptions().own(model)
    assert all(field.description for field in model.model_fields.values())


@pytest.mark.parametrize(
    ("strategy", "assignment", "message"),
    [
        ("gdas", "search.temperature=0", r"setting 'search.temperature': input should be greater than 0 \(got 0\)"),
        ("gdas", "search.temperatur=1", "unknown setting 'search.temperatur'; did you mean 'temperature'"),
        ("darts", "search.order=third", r"setting 'search.order': input should be 'first' or 'second'"),
        ("darts", "search.optimizer.rl=1", "unknown setting 'search.optimizer.rl'; known: betas, eps, lr"),
        ("random", "search.trails=3", "unknown setting 'search.trails'; did you mean 'trials'"),
        ("random", "search.temperature=0", "setting 'search.temperature': input should be greater than 0"),
        ("random", "search.estimator=trian", "unknown estimator 'trian'; did you mean 'train'"),
        ("evolutoin", "seed=1", "unknown strategy 'evolutoin'; did you mean 'evolution'"),
    ],
)
def test_a_wrong_setting_is_one_sentence(strategy: str, assignment: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        build(SearchSettings, None, [assignment], strategy=strategy)


def test_a_setting_of_another_strategy_is_kept_for_comparisons_and_refused_where_it_has_no_effect() -> None:
    settings = build(SearchSettings, None, ["search.population=4"], strategy="pc_darts")
    assert foreign(settings).keys() == {"population"}
    with pytest.raises(UsageError, match=r"'search\.population' belongs to strategy 'evolution' and has no effect"):
        refuse_foreign(settings)
    other = with_strategy(settings, "evolution", trials=9)
    assert other.search.model_dump()["population"] == 4 and other.search.trials == 9 and foreign(other) == {}
    assert "warmup" not in other.search.model_dump()


def test_a_configuration_that_lists_the_defaults_of_every_owner_is_read() -> None:
    """As run folders of earlier versions do."""
    everything: dict[str, Any] = {}
    for registry in (STRATEGIES, ESTIMATORS):
        for name in registry.names():
            everything |= registry.get(name).Settings().model_dump(mode="json")
    settings = parse(SearchSettings, {"strategy": "random", "search": everything})
    assert foreign(settings) == {} and settings == build(SearchSettings, strategy="random")


def test_settings_of_a_strategy_that_is_not_installed_are_kept_as_they_are() -> None:
    tree = {"strategy": "somebody_elses", "search": {"their_setting": 3}}
    settings = parse(SearchSettings, tree)
    assert settings.search.model_dump()["their_setting"] == 3
