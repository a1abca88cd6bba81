"""The latency table: what it measures, that it adds up, and that only a fitting table is taken."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from nas.config.search import LimitSettings
from nas.errors import NasError, UsageError
from nas.objectives.costs import GenotypeCosts
from nas.profiling.latency import LatencyOptions
from nas.profiling.latency_table import LatencyTable, measure_latency_table
from nas.space import Space, load_space, space_from_document
from nas.tasks import get_task
from tests.space.space_examples import tiny_document, tiny_space


class Clock:
    """Seconds that pass by convolutions alone: one millisecond for each that runs."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def tick(self, module: nn.Module, inputs: Any, output: Any) -> None:
        if isinstance(module, nn.Conv2d):
            self.now += 1e-3


@pytest.fixture(scope="module")
def clock() -> Iterator[Clock]:
    made = Clock()
    hook = nn.modules.module.register_module_forward_hook(made.tick)
    yield made
    hook.remove()


@pytest.fixture(scope="module")
def table(clock: Clock) -> LatencyTable:
    options = LatencyOptions(warmup=0, repeats=3)
    return measure_latency_table(tiny_space(), get_task("sr_x2"), 20, 24, options, clock=clock)


def convolutions(space: Space, genotype: Any) -> int:
    network = space.network(genotype, "sr_x2")
    ran: list[int] = []
    hooks = [m.register_forward_hook(lambda *_: ran.append(1)) for m in network.modules() if isinstance(m, nn.Conv2d)]
    network(torch.rand(1, 3, 20, 24))
    assert hooks
    return len(ran)


def test_base_and_blocks_add_up_to_the_network(table: LatencyTable) -> None:
    space = tiny_space()
    costs = GenotypeCosts(space, get_task("sr_x2"), table)
    for seed in range(4):
        genotype = space.sample(seed + 10)
        assert costs.of(genotype)["latency"] == pytest.approx(convolutions(space, genotype))


def test_every_role_and_block_is_measured_at_its_own_width(table: LatencyTable) -> None:
    measured = {(b.role, b.block, b.channels, b.height, b.width): b.median_ms for b in table.blocks}
    assert measured["operation", "srb", 16, 20, 24] == pytest.approx(3.0)  # two 3x3 and the 1x1 that joins them
    assert measured["attention", "cea", 48, 20, 24] == pytest.approx(2.0)
    assert measured["operation", "skip_connect", 16, 20, 24] == 0
    assert ("operation", "none") not in {(b.role, b.block) for b in table.blocks}
    assert (table.size, table.device, table.dtype, table.torch) == ("24x20", "cpu", "float32", str(torch.__version__))
    assert len(table.networks) == 3


def test_a_table_survives_the_file_and_measuring_uses_up_no_random_number(table: LatencyTable, tmp_path: Path) -> None:
    assert LatencyTable.load(table.save(tmp_path / "table.json")) == table
    before = torch.get_rng_state()
    options = LatencyOptions(warmup=0, repeats=1)
    measure_latency_table(tiny_space(), get_task("sr_x2"), 16, 16, options, networks=1)
    assert torch.equal(before, torch.get_rng_state())


def test_a_latency_limit_is_judged_by_the_table(table: LatencyTable) -> None:
    space = tiny_space()
    costs, genotype = GenotypeCosts(space, get_task("sr_x2"), table), space.sample(3)
    own = costs.of(genotype)["latency"]
    assert costs.within(genotype, LimitSettings(latency=own))
    assert not costs.within(genotype, LimitSettings(latency=own * 0.99))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("not json", "is no latency table"),
        ("{}", "field required"),
        ('{"format": "nas.latency/2"}', "is no latency table"),
    ],
)
def test_a_file_that_is_no_table_is_refused_in_one_sentence(content: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    path.write_text(content)
    with pytest.raises(UsageError, match=told) as caught:
        LatencyTable.load(path)
    assert "nas profile --latency-table" in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(UsageError, match="cannot read latency table"):
        LatencyTable.load(tmp_path / "absent.json")


def test_a_negative_or_infinite_time_is_refused(table: LatencyTable, tmp_path: Path) -> None:
    document = table.model_dump(mode="json")
    document["blocks"][0]["median_ms"] = -1.0
    path = tmp_path / "negative.json"
    path.write_text(json.dumps(document))
    with pytest.raises(UsageError, match="greater than or equal to 0"):
        LatencyTable.load(path)


def test_a_table_of_other_networks_is_refused(table: LatencyTable) -> None:
    space = tiny_space()
    with pytest.raises(UsageError, match="measured for task sr_x2"):
        GenotypeCosts(space, get_task("sr_x3"), table)
    document = tiny_document()
    document["network"]["cells"] = 5
    with pytest.raises(UsageError, match="network settings"):
        GenotypeCosts(space_from_document(document), get_task("sr_x2"), table)
    document = tiny_document()
    document["cells"]["operation"]["candidates"] = ["lrb", "sep_conv_3x3"]
    with pytest.raises(UsageError, match="no operation block 'sep_conv_3x3'"):
        GenotypeCosts(space_from_document(document), get_task("sr_x2"), table)
    with pytest.raises(UsageError, match=r"wiring|network settings"):
        GenotypeCosts(load_space("jsm"), get_task("sr_x2"), table)


def test_an_impossible_latency_names_the_smallest(table: LatencyTable, tmp_path: Path) -> None:
    from nas.config.runs import SearchSettings
    from nas.engines.setup import constraint_costs

    path = table.save(tmp_path / "table.json")
    settings = SearchSettings(limits=LimitSettings(latency=0.5, latency_table=str(path)))
    with pytest.raises(NasError, match=r"smallest possible latency"):
        constraint_costs(tiny_space(), settings)
