"""Costs by addition are the counter's own, whatever the space, its width and its depth."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from nas.config.search import LimitSettings
from nas.errors import NasError, UsageError
from nas.objectives import costs as genotype_costs
from nas.objectives.costs import GenotypeCosts
from nas.profiling.costs import costs_for_task
from nas.space import Space, load_space
from nas.space.blocks import SKELETONS
from nas.tasks import get_task
from tests.space.space_examples import tiny_space

CASES: list[tuple[str, dict[str, Any], str]] = [
    ("jsm", {"network.cells": 2}, "sr_x3"),
    ("osm", {"network.cells": 3, "network.width": 24}, "denoise_gray_30"),
    ("asm", {"network.cells": 1}, "sr_x2"),
]


def counted(space: Space, genotype: Any, task: Any) -> dict[str, float]:
    found = costs_for_task(space.network(genotype, task), task)
    return {"params": found.parameters, "macs": found.multiply_adds_total}


@pytest.mark.parametrize(("name", "overrides", "task"), [*CASES, ("tiny", {}, "sr_x2")])
def test_the_sum_is_what_the_counter_finds_in_the_derived_network(name: str, overrides: Any, task: str) -> None:
    space = tiny_space() if name == "tiny" else load_space(name, overrides=overrides)
    costs, chosen = GenotypeCosts(space, get_task(task)), get_task(task)
    for seed in range(3):
        genotype = space.sample(seed)
        assert costs.of(genotype) == counted(space, genotype, chosen)
        for metric, cost in costs.of(genotype).items():
            rows = zip(space.decisions, costs.rows(metric), space.encode(genotype), strict=True)
            assert cost == costs.base(metric) + sum(row[decision.choices[k]] for decision, row, k in rows)


def test_a_genotype_of_another_depth_is_counted_at_its_own() -> None:
    task, wide = get_task("sr_x2"), load_space("osm", overrides={"network.cells": 2})
    genotype = wide.sample(5)
    assert GenotypeCosts(load_space("osm", overrides={"network.cells": 1}), task).of(genotype) == counted(
        wide, genotype, task
    )


def test_counting_uses_up_no_random_number_and_afterwards_builds_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    space, task = tiny_space(), get_task("sr_x2")
    before = torch.get_rng_state()
    genotype_costs._counted.cache_clear()
    costs = GenotypeCosts(space, task)
    assert torch.equal(before, torch.get_rng_state())

    def refuse(*arguments: Any) -> Any:
        raise AssertionError("a network was built to count one more genotype")

    monkeypatch.setattr(Space, "network", refuse)
    assert GenotypeCosts(space, task).of(space.sample(1)) == costs.of(space.sample(1))
    assert costs.of(space.decode([0, 0, 0, 0])) != costs.of(space.decode([0, 1, 1, 2]))


def test_limits_hold_at_equality_and_violations_are_the_relative_excess() -> None:
    space = tiny_space()
    costs, genotype = GenotypeCosts(space, get_task("sr_x2")), space.sample(1)
    own = costs.of(genotype)
    assert costs.within(genotype, LimitSettings(params=own["params"], macs=own["macs"]))
    tight = LimitSettings(params=own["params"] / 2, macs=own["macs"] * 2)
    assert costs.violations(genotype, tight) == {"params": pytest.approx(1.0), "macs": pytest.approx(-0.5)}
    assert not costs.within(genotype, tight) and costs.within(genotype, LimitSettings())


def test_a_latency_limit_without_a_table_says_how_to_make_one() -> None:
    space = tiny_space()
    with pytest.raises(UsageError, match="nas profile --latency-table"):
        GenotypeCosts(space, get_task("sr_x2")).within(space.sample(1), LimitSettings(latency=5))


class Wrapped:
    """The JSNet skeleton with other facts about where its blocks sit."""

    def __init__(self, **methods: Any) -> None:
        self.__dict__.update(methods)


def test_a_skeleton_that_does_not_say_where_its_blocks_sit_is_counted_by_whole_networks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    space, task, genuine = tiny_space(), get_task("sr_x2"), SKELETONS.get("jsnet")
    monkeypatch.setitem(SKELETONS._things, "jsnet", Wrapped(network=genuine.network))
    shares, bases = genotype_costs._count_all(space, task)
    genotype = space.sample(4)
    found = {
        metric: bases[metric]
        + sum(
            row[c.block]
            for cell, choices in genotype.cells.items()
            for row, c in zip(shares[metric][cell], choices, strict=True)
        )
        for metric in bases
    }
    assert found == counted(space, genotype, task)


def test_a_skeleton_whose_costs_do_not_add_up_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    space, task, genuine = tiny_space(), get_task("sr_x2"), SKELETONS.get("jsnet")

    def wrong(space: Space, height: int, width: int) -> Any:
        return genuine.sites(space, height // 2, width)

    monkeypatch.setitem(SKELETONS._things, "jsnet", Wrapped(network=genuine.network, sites=wrong))
    with pytest.raises(NasError, match="not the sum of its blocks"):
        genotype_costs._count_all(space, task)
