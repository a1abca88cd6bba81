"""Supernets that share weights over sizes: what a path computes, what masks and gates mean, and what is refused."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from nas.config.search import LimitSettings
from nas.errors import NasError, UsageError
from nas.models.sharing import at_place, in_parts, layouts, part_of, places
from nas.objectives.costs import GenotypeCosts
from nas.objectives.expected import expected
from nas.objectives.optimum import best_within, random_within
from nas.space import SKELETONS, Space, space_from_document
from nas.space.blocks import MODULATIONS, OPERATIONS, block
from nas.supernet.elastic.paths import network_weights
from nas.supernet.elastic.relaxed import gated
from nas.supernet.single_path import extremes
from nas.tasks import get_task

#: candidates whose features are the same channels at every width, so that a mask of a width is that width
PLAIN = {
    "modulation": ["skip", "pa", "striped", "cca"],
    "operation": ["skip", "pcfn", "spab", "ccm", "res_pair", "dw_ffn", "gated_ffn"],
}
#: further ones, whose regrouping or norm counts channels
OTHERS = {
    "modulation": ["lk_select", "lk_crossgate", "mlka", "safm", "gsau"],
    "operation": ["lk_mix", "bs_res", "ecb", "plk"],
}


@st.composite
def chains(draw: st.DrawFn, plain: bool = False) -> dict[str, Any]:
    """Documents of the skeleton of slots with open widths and depths."""

    def candidates(role: str) -> list[Any]:
        names = PLAIN[role] + ([] if plain else OTHERS[role])
        return draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True))

    roles = draw(st.lists(st.sampled_from(["modulation", "operation"]), min_size=1, max_size=2))
    slots = [{"role": role, "candidates": candidates(role)} for role in roles]
    depth = st.sampled_from([1, 2, {"choice": [1, 2]}, {"choice": [1, 3]}])
    network: dict[str, Any] = {
        "width": {"choice": draw(st.sampled_from([[12, 24], [12, 24, 48]]))},
        "depths": [draw(depth) for _ in range(draw(st.integers(1, 2)))],
        "norm": "none" if plain else draw(st.sampled_from(["none", "l2", "layer"])),
        "residual": draw(st.sampled_from(["slot", "cell"])),
        "tail": draw(
            st.sampled_from(["plain", "dw", "conv3"])
        ),  # concat4 reads the last cell but one, whichever that is
    }
    if not plain:
        network["tail"] = {"choice": ["plain", "dw", "concat4"]}
        network["image_skip"] = {"choice": ["none", "nearest"]}
    share = draw(st.sampled_from(["all", "stage", "cell"]))
    return {
        "format": "nas.space/2",
        "name": "drawn",
        "skeleton": "residual",
        "share": share,
        "cells": {"body": {"slots": slots}},
        "network": network,
    }


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, Any]:
    """Documents of graphs with open widths, depths, flags and kept edges."""
    names = ["none", "skip_connect", "sep_conv_3x3", "srb", "rb", {"block": "gated_ffn", "kernel": {"choice": [3, 5]}}]
    drawn = draw(st.lists(st.sampled_from(range(1, 6)), min_size=1, max_size=3, unique=True))
    cells: dict[str, Any] = {
        "operation": {
            "role": "operation",
            "nodes": 3,
            "candidates": [names[i] for i in drawn],
            "keep": draw(st.sampled_from(["all", 2])),
            "merge": draw(st.sampled_from(["sum", "mean"])),
        }
    }
    if draw(st.booleans()):
        kinds = ["skip_connect", "cea", "channel_wise_attention", "esab"]
        found = draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=2, unique=True))
        keep = draw(st.sampled_from(["all", 1]))
        cells["attention"] = {"role": "attention", "nodes": 2, "candidates": found, "keep": keep}
    return {
        "format": "nas.space/2",
        "name": "drawn",
        "skeleton": "jsnet",
        "share": draw(st.sampled_from(["all", "cell"])),
        "cells": cells,
        "network": {
            "width": {"choice": [8, 16]},
            "cells": draw(st.sampled_from([1, {"choice": [1, 2]}])),
            "image_residual": {"choice": [False, True]},
        },
    }


def image(supernet: Any, side: int = 16) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.rand(1, 3, side, side, dtype=torch.float64, generator=generator) * supernet.descriptor.value_range


quick = settings(max_examples=6, deadline=None, derandomize=True)


@quick
@given(st.one_of(chains(), graphs()), st.integers(0, 10**6))
def test_a_path_is_the_derived_network_with_a_copy_of_its_parts(document: dict[str, Any], seed: int) -> None:
    space = space_from_document(document)
    supernet = space.supernet("sr_x2", paths=True).double()
    x = image(supernet)
    for genotype in (space.sample(seed), *extremes(space, seed)):
        network = space.network(genotype, "sr_x2").double()
        network.load_state_dict({**network.state_dict(), **network_weights(supernet, genotype)})
        with torch.no_grad(), supernet.only(genotype):
            torch.testing.assert_close(supernet(x), network(x), rtol=1e-9, atol=1e-9)
        supernet.settle(genotype)
        assert supernet.genotype() == genotype


@quick
@given(chains(plain=True), st.integers(0, 10**6))
def test_sizes_that_are_decided_are_those_sizes(document: dict[str, Any], seed: int) -> None:
    """With all the weight on one choice, masks and gates of the largest sizes compute the smaller network."""
    space = space_from_document(document)
    supernet = space.supernet("sr_x2").double()
    genotype = space.sample(seed)
    supernet.settle(genotype)
    assert supernet.genotype() == genotype
    with torch.no_grad():
        for parameter in supernet.arch_parameters():
            parameter.mul_(1e4)
        found = supernet(image(supernet))
        with supernet.only(genotype):
            torch.testing.assert_close(found, supernet(image(supernet)), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("share", ["all", "cell"])
def test_a_mixture_of_sizes_teaches_every_variable(share: str) -> None:
    space = sized(share=share)
    supernet = space.supernet("sr_x2").double()
    supernet(image(supernet)).square().mean().backward()
    for parameter, name in zip(supernet.arch_parameters(), supernet.arch_parameter_names(), strict=True):
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name
    assert {"network", *space.cells} == set(supernet.groups)


def sized(**changes: Any) -> Space:
    document: dict[str, Any] = {
        "format": "nas.space/2",
        "name": "sized",
        "skeleton": "residual",
        "share": "all",
        "cells": {"body": {"slots": [{"role": "operation", "candidates": ["skip", "pcfn", "res_pair"]}]}},
        "network": {"width": {"choice": [8, 16, 24]}, "depths": [{"choice": [1, 2]}, 1], "tail": "dw"},
    }
    return space_from_document({**copy.deepcopy(document), **changes})


def test_the_expected_cost_is_the_mean_over_all_genotypes() -> None:
    space = sized()
    supernet, costs = space.supernet("sr_x2"), GenotypeCosts(space, get_task("sr_x2"))
    supernet.reset_architecture(std=1.0, generator=torch.Generator().manual_seed(0))
    names = ["network", "body"]
    tables = {n: p.double() for n, p in supernet.edge_probabilities().items()}
    rows = [row for name in names for row in tables[name]]
    for metric in ("params", "macs"):
        mean = 0.0
        for vector in itertools.product(*(range(len(d.choices)) for d in space.decisions)):
            probability = torch.stack([row[k] for row, k in zip(rows, vector, strict=True)]).prod()
            mean += float(probability) * costs.of(space.decode(vector))[metric]
        found = expected(supernet, costs, metric)
        assert float(found.detach()) == pytest.approx(mean, rel=1e-6)
        assert all((g != 0).any() for g in torch.autograd.grad(found, supernet.arch_parameters()))


def test_the_expected_cost_of_decided_sizes_is_exact_however_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nas.objectives.expected.SUMMED", 1)
    space = sized()
    supernet, costs = space.supernet("sr_x2"), GenotypeCosts(space, get_task("sr_x2"))
    genotype = space.sample(4)
    supernet.settle(genotype)
    with torch.no_grad():
        for parameter in supernet.arch_parameters():
            parameter.mul_(1e3)
    assert float(expected(supernet, costs, "macs").detach()) == pytest.approx(costs.of(genotype)["macs"])


@pytest.mark.parametrize("keep", [None, 1])
def test_genotypes_within_limits_have_sizes_within_them(keep: int | None) -> None:
    space = sized() if keep is None else kept()
    supernet, costs = space.supernet("sr_x2"), GenotypeCosts(space, get_task("sr_x2"))
    supernet.reset_architecture(std=1.0, generator=torch.Generator().manual_seed(1))
    found = sorted(costs.of(space.sample(seed))["params"] for seed in range(9))
    for bound in (found[0], found[4]):
        limits = LimitSettings(params=bound)
        assert costs.within(best_within(supernet, costs, limits), limits)
        assert costs.within(random_within(space, costs, limits, 5), limits)
    assert best_within(supernet, costs, LimitSettings(params=1e12)) == supernet.genotype()


def kept() -> Space:
    return space_from_document(
        {
            "format": "nas.space/2",
            "name": "kept",
            "skeleton": "jsnet",
            "cells": {"operation": {"role": "operation", "nodes": 2, "candidates": ["none", "srb", "lrb"], "keep": 1}},
            "network": {"width": {"choice": [16, 24]}, "cells": 1},
        }
    )


def test_the_strongest_edges_are_kept() -> None:
    space = kept()
    supernet = space.supernet("sr_x2")
    with torch.no_grad():
        supernet.raw_alphas("operation").zero_()
        supernet.raw_alphas("operation")[2, 1] = 2.0  # 1 -> 2 by srb
    assert {(c.source, c.target) for c in supernet.genotype().cells["operation"]} == {(0, 1), (1, 2)}


# -- what is refused -------------------------------------------------------------------------------------------


def test_a_block_that_cannot_be_sliced_is_named() -> None:
    body = {"body": {"slots": [{"role": "operation", "candidates": ["skip", "shm_layer"]}]}}
    for paths in (True, False):
        with pytest.raises(UsageError, match=r"block 'shm_layer' cannot share weights over sizes.*--set"):
            sized(cells=body).supernet("sr_x2", paths=paths)


@pytest.fixture
def unequal() -> Iterator[str]:
    """A block whose weights at fewer channels are no part of those at more."""

    @block("operation", "unequal")
    class Unequal(nn.Module):
        def __init__(self, channels: int) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(100 // channels))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * self.weight.sum()

    yield "unequal"
    OPERATIONS.remove("unequal")


def test_weights_that_are_no_part_are_named_with_what_fixes_the_size(unequal: str) -> None:
    body = {"body": {"slots": [{"role": "operation", "candidates": [unequal]}]}}
    for paths in (True, False):
        with pytest.raises(
            UsageError, match=r"unequal.*network.width.*--set 'overrides.network.width=16'|network.width.*"
        ):
            sized(cells=body).supernet("sr_x2", paths=paths)


def test_a_skeleton_that_cannot_be_sliced_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(SKELETONS.get("residual")), "sliceable", False, raising=False)
    with pytest.raises(UsageError, match=r"skeleton 'residual'.*cannot share weights"):
        sized().supernet("sr_x2", paths=True)


def test_words_are_shared_by_paths_and_refused_by_mixtures() -> None:
    space = space_from_document(
        {**sized().document, "network": {"width": 8, "depths": [1], "tail": {"choice": ["plain", "dw"]}}}
    )
    with pytest.raises(UsageError, match=r"network\.tail.*--set 'overrides\.network\.tail=dw'.*single_path"):
        space.supernet("sr_x2")
    assert space.supernet("sr_x2", paths=True).genotype().network["tail"] in ("plain", "dw")


def test_a_gate_passes_by_a_module_of_its_shape_alone() -> None:
    net = nn.Sequential(nn.Conv2d(2, 2, 1), nn.Conv2d(2, 3, 1))
    x = torch.rand(1, 2, 4, 4)
    with gated(net, {"0": torch.tensor(0.0)}):
        assert torch.equal(net(x), net[1](x))
    with pytest.raises(NasError, match="'1'"), gated(net, {"1": torch.tensor(0.5)}):
        net(x)
    with pytest.raises(NasError, match="not called"), gated(net, {"1": torch.tensor(0.5)}):
        net[0](x)


# -- where weights lie -----------------------------------------------------------------------------------------


def pair(make: Any) -> tuple[dict[str, Any], dict[str, Any], nn.Module]:
    small, large = make(2), make(4)
    return dict(layouts(small).values()), dict(layouts(large).values()), large


def test_a_kernel_is_the_middle_and_channels_are_the_first_of_each_part() -> None:
    def make(c: int) -> nn.Module:
        return nn.Sequential(in_parts(nn.Conv2d(2 * c, c, c + 1, padding=c // 2), inputs=[c, c]))

    small, large, net = pair(make)
    weight = net[0].weight
    found = part_of(weight, places(small["0.weight"], large["0.weight"]) or ())
    assert torch.equal(found, weight[:2][:, [0, 1, 4, 5]][..., 1:4, 1:4])


@pytest.mark.parametrize("groups", ["depthwise", "two", "of four"])
def test_grouped_convolutions_lose_whole_groups_or_channels_of_each(groups: str) -> None:
    def make(c: int) -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(2 * c, 2 * c, 1, groups={"depthwise": 2 * c, "two": 2, "of four": c // 2}[groups])
        )

    small, large, net = pair(make)
    found = places(small["0.weight"], large["0.weight"])
    assert found is not None
    wanted = net[0].weight[[0, 1, 4, 5]][:, :2] if groups == "two" else net[0].weight[:4]
    assert torch.equal(part_of(net[0].weight, found), wanted)


def test_a_module_is_found_by_its_place() -> None:
    short = nn.Sequential(at_place(nn.Linear(2, 2), "last"))
    long = nn.Sequential(nn.Linear(2, 2), at_place(nn.Linear(2, 2), "last"))
    assert set(dict(layouts(short).values())) == {"last.weight", "last.bias"}
    assert {"0.weight", "last.weight"} < set(dict(layouts(long).values()))


def test_every_block_that_may_be_sliced_has_nested_weights() -> None:
    for registry in (OPERATIONS, MODULATIONS):
        for name in registry.names():
            traits = registry.traits(name)
            if traits.sliceable and not (traits.zero or traits.identity):
                few, many = (dict(layouts(registry.get(name).build(c)).values()) for c in (24, 48))
                assert all(places(few[key], many[key]) is not None for key in few), name


@pytest.mark.parametrize("candidate", [*OTHERS["operation"], "spab", "res_pair"])
def test_a_path_that_a_validation_was_the_first_to_take_can_be_trained(candidate: str) -> None:
    space = space_from_document(
        {
            "format": "nas.space/2",
            "name": "drawn",
            "skeleton": "residual",
            "cells": {"body": {"slots": [{"role": "operation", "candidates": [candidate]}]}},
            "network": {
                "width": {"choice": [12, 24]},
                "depths": [1],
                "norm": "l2",
                "tail": {"choice": ["plain", "dw"]},
            },
        }
    )
    supernet: Any = space.supernet("sr_x2", paths=True)
    image = torch.rand(1, 3, 16, 16)
    with torch.inference_mode(), supernet.only(supernet.genotype()):
        supernet(image)
    with supernet.only(supernet.genotype()):
        supernet(image).mean().backward()
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in supernet.parameters())
