"""What a CPU computes a few images at a time has the values and gradients of the whole batch."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from nas.space import load_space
from nas.supernet.fused import rows
from nas.supernet.fused.statistics import STATISTICS, statistics
from tests.supernet.test_fused import drawn, gap, worst


@pytest.mark.parametrize("candidates", [None, ["skip_connect", "spatial_attention", "esab"], ["ca_sa_cascade", "cea"]])
@pytest.mark.parametrize("values", [1, 10_000])
def test_gates_of_portions_are_those_of_the_plain_form(
    values: int, candidates: list[str] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "CACHED_VALUES", values)
    torch.manual_seed(0)
    overrides: dict[str, Any] = {"network.cells": 1, "network.width": 8}
    if candidates is not None:
        overrides["cells.attention.candidates"] = candidates
    supernet = drawn(load_space("jsm", overrides=overrides).supernet("sr_x2").double())
    supernet = supernet.to(memory_format=torch.channels_last)
    x = torch.rand(3, 3, 16, 17, dtype=torch.float64) * 255
    values_apart, gradients_apart = gap(supernet, x.contiguous(memory_format=torch.channels_last))
    assert values_apart < 1e-12
    assert gradients_apart < 1e-9


def reference(x: Tensor) -> list[Tensor]:
    mean = x.mean((2, 3), keepdim=True)
    return [mean, (x - mean).square().mean((2, 3), keepdim=True), x.amax(1, keepdim=True), x.mean(1, keepdim=True)]


@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("names", [STATISTICS, STATISTICS[:1], STATISTICS[1:3], STATISTICS[3:]], ids=str)
def test_statistics_are_those_of_torch_with_their_gradient(
    names: tuple[str, ...], memory: torch.memory_format, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "CACHED_VALUES", 100)
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(0, 4, (3, 5, 6, 7), generator=generator).double()  # equal maxima share their gradient
    x = x.contiguous(memory_format=memory).requires_grad_()
    expected = [value for name, value in zip(STATISTICS, reference(x), strict=True) if name in names]
    found = [statistics(x, names)[name] for name in names]
    along = [torch.rand(value.shape, generator=generator, dtype=value.dtype) for value in expected]
    slopes = [torch.autograd.grad(values, x, along)[0] for values in (expected, found)]
    assert worst(expected, found) < 1e-14
    assert worst([slopes[0]], [slopes[1]]) < 1e-13


def test_portions_cover_every_image_once() -> None:
    x = torch.rand(7, 8, 100, 100).contiguous(memory_format=torch.channels_last)
    found = rows.portions(x)
    assert [i for images, _ in found for i in range(images.start, images.stop)] == list(range(7))
    assert all((r.start, r.stop) == (i.start * 10_000, i.stop * 10_000) for i, r in found)
    assert torch.equal(rows.image_of(rows.rows_of(x), x), x)
