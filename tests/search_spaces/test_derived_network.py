"""Derived networks of any space and task: sizes, options, honest refusals, no search code inside."""

from __future__ import annotations

import copy
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from nas.errors import NasError, UsageError
from nas.space import Genotype, load_genotype, load_space
from search_spaces.upsample import bicubic_enlarge

SMALL: dict[str, Any] = {"network.cells": 1}


def small(space: str = "jsm", seed: int = 0) -> tuple[Any, Genotype]:
    loaded = load_space(space, overrides=SMALL)
    return loaded, loaded.sample(seed)


@pytest.mark.parametrize("space", ["jsm", "osm", "asm"])
@pytest.mark.parametrize("task", ["sr_x2", "sr_x3", "sr_x4", "denoise_gray_30", "denoise_color_50"])
def test_random_genotypes_build_networks_of_the_task_size(space: str, task: str) -> None:
    loaded, genotype = small(space, 3)
    model = loaded.network(genotype, task)
    d = model.descriptor
    y = model(torch.rand(1, d.channels, 17, 16) * 255)
    assert y.shape == (1, d.channels, 17 * d.scale, 16 * d.scale)
    assert d.tasks == (task,) and d.value_range == 255.0
    y.mean().backward()
    assert all(p.grad is not None for p in model.parameters() if p.requires_grad)


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("channels", [1, 3])
def test_mean_shift_belongs_to_colour_super_resolution(scale: int, channels: int) -> None:
    space, genotype = small()
    model = space.network(genotype, SimpleNamespace(name="custom", scale=scale, channels=channels))
    assert ("sub_mean.weight" in model.state_dict()) == (channels == 3)


@pytest.mark.parametrize("task", ["sr_x2", "denoise_gray_30"])
def test_image_residual_adds_the_enlarged_input(task: str) -> None:
    space, genotype = small()
    plain = space.network(genotype, task).eval()
    residual = space.network(genotype, task, image_residual=True).eval()
    state = {k: v for k, v in plain.state_dict().items() if k in residual.state_dict()}
    residual.load_state_dict(state)
    assert set(plain.state_dict()) - set(state) <= {"add_mean.weight", "add_mean.bias"}
    x = torch.rand(1, plain.descriptor.channels, 16, 16) * 255
    with torch.no_grad():
        # the enlarged input brings its own mean, so the constant mean must not be added a second time
        tail = plain(x) - (plain.add_mean.bias.view(1, 3, 1, 1) if hasattr(plain, "add_mean") else 0)
        torch.testing.assert_close(residual(x), tail + bicubic_enlarge(x, plain.descriptor.scale), atol=1e-2, rtol=1e-4)
    rebuilt = space.network(genotype, task, **residual.descriptor.config)
    assert rebuilt.layout == residual.layout


@pytest.mark.parametrize(("layers", "count"), [(5, 437721), (8, 685713), (9, 768377), (10, 851041)])
def test_equal_size_networks_have_the_documented_parameter_counts(layers: int, count: int) -> None:
    space = load_space("jsm", overrides={"network.cells": layers})
    genotype = load_genotype("jsnet_released").with_network(cells=layers)
    model = space.network(genotype, "denoise_gray_30")
    assert sum(p.numel() for p in model.parameters()) == count


def test_used_network_can_be_copied_and_runs_in_channels_last() -> None:
    space = load_space("jsm", overrides=SMALL)
    model = space.network(load_genotype("jsnet_released").with_network(cells=1), "sr_x2").eval()
    x = torch.rand(1, 3, 16, 19) * 255
    with torch.no_grad():
        y = model(x)
        twin = copy.deepcopy(model).to(memory_format=torch.channels_last)
        torch.testing.assert_close(twin(x.to(memory_format=torch.channels_last)), y, atol=1e-3, rtol=1e-4)


def test_minimum_size_is_that_of_the_blocks_in_use() -> None:
    space = load_space("jsm", overrides=SMALL)
    normal = [("rb", 0), ("rb", 0), ("rb", 1), ("rb", 0), ("rb", 1), ("rb", 2)]
    for block, least in (("cea", 1), ("esab", 15)):
        attention = [(block, 0), (block, 0), (block, 1), (block, 0), (block, 1), (block, 2)]
        model = space.network(Genotype.from_lists(normal, attention, cells=1), "sr_x2")
        assert model.descriptor.min_size == least
        assert model(torch.rand(1, 3, least, least)).shape[-1] == 2 * least
        if least > 1:
            with pytest.raises(NasError, match="at least 15x15"):
                model(torch.rand(1, 3, 14, 40))


def test_genotype_decides_width_and_depth() -> None:
    space = load_space("jsm")
    model = space.network(load_genotype("jsnet_released").with_network(width=8, cells=2), "sr_x2")
    assert model.layout.features == 32 and len(model.cells) == 2


def test_too_narrow_a_network_is_refused() -> None:
    with pytest.raises(UsageError):
        load_space("jsm").network(load_genotype("jsnet_released").with_network(width=4), "sr_x2")


def test_mean_merge_divides_by_the_number_of_edges() -> None:
    space = load_space("asm", overrides={**SMALL, "cells.attention.merge": "mean"})
    skips = Genotype({"attention": tuple((e.source, e.target, "skip_connect") for e in space.cells["attention"].edges)})
    cell = space.network(skips.with_network(cells=1, features=space.features), "sr_x2").cells[0]
    x = torch.randn(1, space.features, 5, 5)
    torch.testing.assert_close(cell(x), 2 * x)  # a mean of copies is the copy; plus the outer residual


def test_derived_network_imports_no_search_code() -> None:
    code = (
        "import sys, baselines, nas\n"
        "baselines.create('jsnet', layers=1)\n"
        "space = nas.load_space('jsm')\n"
        "space.network(space.sample(0), 'sr_x2')\n"
        "print([m for m in sys.modules if m.startswith(('nas.supernet', 'nas.strategies', 'search_spaces.search'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
