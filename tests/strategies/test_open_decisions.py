"""Decisions of a space of format 2 as the parameters of Optuna and NNI."""

from __future__ import annotations

from pathlib import Path

import pytest
from optuna.distributions import CategoricalDistribution, IntDistribution

from nas.engines.nni.engine import search_space
from nas.engines.setup import with_budget
from nas.space import load_space
from nas.strategies.conformance import tiny_search
from nas.strategies.optuna_sampler import distributions, genotype_of, params_of


@pytest.mark.parametrize("name", ["jsm_sizes", "modern_small"])
def test_a_genotype_survives_the_parameters_of_a_trial(name: str) -> None:
    space = load_space(name)
    known = distributions(space)
    for seed in range(5):
        genotype = space.sample(seed)
        params = params_of(space, genotype)
        assert genotype_of(space, params) == genotype
        assert all(known[key]._contains(known[key].to_internal_repr(value)) for key, value in params.items())


def test_an_ordered_setting_is_the_index_of_its_value() -> None:
    space = load_space("modern_small")
    assert distributions(space)["network.width"] == IntDistribution(0, 6)
    assert distributions(space)["network.tail"] == CategoricalDistribution(("plain", "dw", "concat4"))
    given = search_space(space)
    assert given["network.depths[1]"] == {"_type": "randint", "_value": [0, 4]}
    assert given["network.image_skip"] == {"_type": "choice", "_value": ["none", "nearest"]}


def test_the_budget_of_a_space_fills_the_limits_that_are_not_set(tmp_path: Path) -> None:
    settings = tiny_search("random", tmp_path, space="modern_small", limits__params=100_000)
    limits = with_budget(settings, load_space("modern_small")).limits
    assert (limits.params, limits.macs, limits.latency) == (100_000, 41e9, None)
