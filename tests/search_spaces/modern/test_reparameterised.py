"""Merged training is the long form: same values to the border, same gradients; merging a network keeps its function."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas.models.merging import has_mergeable, merge
from nas.profiling.costs import count_costs
from search_spaces.modern.ecbsr import EdgeConv
from search_spaces.modern.network import ResidualNetwork
from search_spaces.modern.reparameterised import Conv3XC, MergedConv
from search_spaces.modern.settings import slot, uniform


def long_conv3xc(layer: Conv3XC, x: Tensor) -> Tensor:
    """Padded first, then three convolutions in a row without padding, plus the shortcut."""
    y = F.conv2d(F.pad(x, (1, 1, 1, 1)), layer.expand.weight, layer.expand.bias)
    y = F.conv2d(y, layer.spatial.weight, layer.spatial.bias)
    y = F.conv2d(y, layer.reduce.weight, layer.reduce.bias)
    return y + F.conv2d(x, layer.shortcut.weight, layer.shortcut.bias)


def long_edge_conv(layer: EdgeConv, x: Tensor) -> Tensor:
    """Every branch by itself; what a branch pads is its own inner bias."""
    padded = F.pad(x, (1, 1, 1, 1))
    y = F.conv2d(padded, layer.direct.weight, layer.direct.bias)
    inner = F.conv2d(padded, layer.expand.weight, layer.expand.bias)
    y = y + F.conv2d(inner, layer.spatial.weight, layer.spatial.bias)
    for edge in layer.edges.values():
        inner = F.conv2d(padded, edge.pointwise.weight, edge.pointwise.bias)
        y = y + F.conv2d(inner, edge.scale * edge.mask, edge.bias, groups=len(edge.mask))
    return y


LAYERS = [
    pytest.param(lambda: Conv3XC(6, 6), long_conv3xc, id="conv3xc"),
    pytest.param(lambda: Conv3XC(3, 8), long_conv3xc, id="conv3xc-widening"),
    pytest.param(lambda: Conv3XC(4, 4, gain=3), long_conv3xc, id="conv3xc-gain"),
    pytest.param(lambda: EdgeConv(6), long_edge_conv, id="edges"),
]


def randomised(layer: MergedConv) -> MergedConv:
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return layer.double()


@pytest.mark.parametrize(("make", "long"), LAYERS)
@pytest.mark.parametrize("size", [(1, 1), (2, 5), (7, 6)])
def test_merged_form_has_values_and_gradients_of_the_long_form(make, long, size) -> None:  # type: ignore[no-untyped-def]
    layer = randomised(make())
    x = torch.randn(2, layer.c_in, *size, dtype=torch.float64, requires_grad=True)
    gradients = []
    for y in (layer(x), long(layer, x)):
        gradients.append((y, torch.autograd.grad(y.square().sum(), [x, *layer.parameters()])))
    (ours, mine), (theirs, wanted) = gradients
    torch.testing.assert_close(ours, theirs, atol=1e-10, rtol=1e-10)
    for found, expected in zip(mine, wanted, strict=True):
        torch.testing.assert_close(found, expected, atol=1e-7, rtol=1e-9)


@pytest.mark.parametrize(("make", "long"), LAYERS)
def test_plain_convolution_of_a_layer_computes_the_same_and_is_independent(make, long) -> None:  # type: ignore[no-untyped-def]
    layer = randomised(make())
    x = torch.randn(1, layer.c_in, 5, 4, dtype=torch.float64)
    plain = layer.merged()
    with torch.no_grad():
        expected = layer(x)
        assert type(plain) is nn.Conv2d and plain.weight.dtype == torch.float64
        torch.testing.assert_close(plain(x), expected, atol=1e-10, rtol=1e-10)
        plain.weight.zero_()
        assert torch.equal(layer(x), expected)


def test_kernels_are_formed_in_full_precision_under_autocast() -> None:
    layer, x = Conv3XC(8, 8), torch.randn(1, 8, 6, 6)
    with torch.no_grad():
        kernel, bias = layer.kernel_and_bias()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            expected, found = F.conv2d(x, kernel, bias, padding=1), layer(x)
    assert found.dtype == torch.bfloat16 and torch.equal(found, expected)


def span_like(**settings: str) -> ResidualNetwork:
    return ResidualNetwork(uniform(8, 2, slot("operation", "spab"), tail="concat4", **settings), scale=2)


def test_merging_a_network_keeps_its_function_its_mode_and_itself() -> None:
    model = span_like(ends="reparameterised", concat_last="inner", norm="none").double().eval()
    before, x = copy.deepcopy(model.state_dict()), torch.rand(1, 3, 9, 8, dtype=torch.float64)
    merged = merge(model)
    assert has_mergeable(model) and not has_mergeable(merged)
    assert not merged.training and all(not module.training for module in merged.modules())
    assert merged.descriptor == model.descriptor
    with torch.no_grad():
        torch.testing.assert_close(merged(x), model(x), atol=1e-9, rtol=1e-9)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_a_network_without_such_layers_is_only_copied() -> None:
    model = ResidualNetwork(uniform(8, 1, slot("operation", "ccm")))
    merged = merge(model)
    assert not has_mergeable(model) and merged is not model
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), merged.parameters(), strict=True))


def test_costs_are_those_of_the_merged_network_and_training_knows_the_factors() -> None:
    width, cells, pixels = 8, 2, 20 * 30
    costs = count_costs(span_like(ends="reparameterised", concat_last="inner"), 20, 30)
    parameters = cells * (27 * width**2 + 3 * width) + 28 * width + 13 * width**2 + 2 * width + 108 * width + 12
    assert costs.parameters == parameters
    assert costs.multiply_adds_conv == pixels * (cells * 27 * width**2 + 27 * width + 13 * width**2 + 108 * width)
    assert costs.multiply_adds_total == costs.multiply_adds_conv
    assert costs.trainable_parameters > 3 * costs.parameters
