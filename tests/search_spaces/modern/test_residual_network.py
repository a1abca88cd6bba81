"""The skeleton ``residual``: every setting does what it says, at every scale, with gradient to every weight."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F

from nas.errors import UsageError
from nas.profiling.costs import count_costs
from search_spaces.modern.network import DIV2K_MEAN, ResidualNetwork
from search_spaces.modern.settings import ResidualSettings, StageSettings, slot, uniform

CELL = (slot("modulation", "safm"), slot("operation", "pcfn"))


def network(scale: int = 2, channels: int = 3, **settings: Any) -> ResidualNetwork:
    torch.manual_seed(0)
    return ResidualNetwork(uniform(8, 2, *CELL, **settings), scale, channels)


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("image_skip", ["none", "nearest", "bilinear"])
def test_output_is_the_input_enlarged_with_gradient_to_every_weight(scale: int, channels: int, image_skip: str) -> None:
    model = network(scale, channels, image_skip=image_skip, norm="layer", tail="concat4", input="centred")
    y = model(torch.rand(2, channels, 9, 11))
    assert y.shape == (2, channels, 9 * scale, 11 * scale)
    y.square().mean().backward()
    assert all(p.grad is not None and bool(torch.isfinite(p.grad).all()) for p in model.parameters())
    assert (model.descriptor.scale, model.descriptor.channels, model.descriptor.min_size) == (scale, channels, 8)


@pytest.mark.parametrize("scale", [1, 2, 3])
@pytest.mark.parametrize("image_skip", ["nearest", "bilinear"])
def test_image_skip_adds_the_enlarged_input(scale: int, image_skip: str) -> None:
    model, x = network(scale, image_skip=image_skip), torch.rand(1, 3, 8, 9)
    with torch.no_grad():
        for parameter in model.up.parameters():
            parameter.zero_()
        corners = {} if image_skip == "nearest" else {"align_corners": False}
        enlarged = F.interpolate(x, scale_factor=scale, mode=image_skip, **corners)
        torch.testing.assert_close(model(x), enlarged)


@pytest.mark.parametrize("residual", ["slot", "cell", "none"])
@pytest.mark.parametrize("norm", ["l2", "layer", "none"])
def test_skips_and_norms_stand_where_the_settings_say(residual: str, norm: str) -> None:
    model, x = network(residual=residual, norm=norm), torch.randn(1, 8, 8, 8)
    cell = model.cells[0]
    with torch.no_grad():
        y = x
        for place in cell.slots:
            h = y if norm == "none" else F.normalize(y, dim=1)
            if norm == "layer":
                h = F.layer_norm(y.movedim(1, -1), (8,), eps=1e-6).movedim(-1, 1)
            h = place.core(h)
            y = y + h if residual == "slot" else h
        torch.testing.assert_close(cell(x), x + y if residual == "cell" else y)


def test_gates_have_neither_norm_nor_skip() -> None:
    model = ResidualNetwork(uniform(16, 1, slot("modulation", "esa"), norm="layer"))
    x = torch.randn(1, 16, 15, 15)
    with torch.no_grad():
        torch.testing.assert_close(model.cells[0](x), x * model.cells[0].slots[0].core.gate(x))
    assert model.descriptor.min_size == 15


#: tail -> parameters and multiply-adds a pixel that it adds at width n
TAILS = {
    "plain": (lambda n: 0, lambda n: 0),
    "dw": (lambda n: 10 * n, lambda n: 9 * n),
    "conv3": (lambda n: 9 * n * n + n, lambda n: 9 * n * n),
    "concat4": (lambda n: 13 * n * n + 2 * n, lambda n: 13 * n * n),
}


@pytest.mark.parametrize("tail", TAILS)
@pytest.mark.parametrize("scale", [1, 2, 4])
def test_ends_cost_what_the_arithmetic_says(tail: str, scale: int) -> None:
    n, pixels = 8, 16 * 24
    costs = count_costs(ResidualNetwork(uniform(n, 2, slot("operation", "skip"), tail=tail), scale), 16, 24)
    more, work = TAILS[tail]
    s2 = scale**2
    assert costs.parameters == 28 * n + 27 * s2 * n + 3 * s2 + more(n)
    assert costs.multiply_adds_conv == pixels * (27 * n + 27 * s2 * n + work(n))


@pytest.mark.parametrize(("tail", "sums"), [("plain", True), ("dw", True), ("conv3", True), ("concat4", False)])
def test_tails_read_what_they_say(tail: str, sums: bool) -> None:
    model = network(tail=tail).double()
    head, first, last = (torch.randn(1, 8, 8, 8, dtype=torch.float64) for _ in range(3))
    kept = {0: head, 1: first}
    with torch.no_grad():
        found = model.tail(last, kept)
        refined = {
            "plain": lambda: last,
            "dw": lambda: F.gelu(model.tail.spatial(last)),
            "conv3": lambda: model.tail.spatial(last),
            "concat4": lambda: model.tail.join(torch.cat([head, model.tail.spatial(last), first, first], dim=1)),
        }[tail]()
        torch.testing.assert_close(found, refined + head if sums else refined)


@pytest.mark.parametrize("cells", [1, 2, 4])
def test_concat_takes_the_cells_that_it_names(cells: int) -> None:
    model = ResidualNetwork(uniform(8, cells, *CELL, tail="concat4"))
    outputs, given = [], []
    model.head.register_forward_hook(lambda _m, _i, out: outputs.append(out))
    for cell in model.cells:
        cell.register_forward_hook(lambda _m, _i, out: outputs.append(out))
    model.tail.join.register_forward_hook(lambda _m, args, _o: given.append(args[0]))
    with torch.no_grad():
        model(torch.rand(1, 3, 8, 8))
        wanted = [outputs[0], model.tail.spatial(outputs[-1]), outputs[1], outputs[cells - 1]]
    assert torch.equal(given[0], torch.cat(wanted, dim=1))


def test_inner_features_come_from_the_last_block_and_need_one_that_gives_them() -> None:
    settings = {"tail": "concat4", "concat_last": "inner", "residual": "none", "norm": "none"}
    model = ResidualNetwork(uniform(8, 2, slot("operation", "spab"), **settings))
    seen, given = [], []
    model.cells[1].slots[0].core.conv1.register_forward_hook(lambda _m, _i, out: seen.append(F.silu(out)))
    model.tail.join.register_forward_hook(lambda _m, args, _o: given.append(args[0]))
    with torch.no_grad():
        model(torch.rand(1, 3, 8, 8))
    assert torch.equal(given[0][:, 24:], seen[0])
    for last in ("pcfn", "skip"):
        with pytest.raises(UsageError, match="gives no inner features"):
            ResidualNetwork(uniform(8, 2, slot("operation", last), **settings))


@pytest.mark.parametrize("value_range", [1, 255])
def test_centred_input_has_no_mean_and_a_peak_of_255(value_range: int) -> None:
    model = network(input="centred", value_range=value_range)
    mean = torch.tensor(DIV2K_MEAN).view(1, 3, 1, 1)
    assert float(model.enter(mean * value_range).abs().max()) < 1e-4
    torch.testing.assert_close(model.enter(torch.full((1, 3, 1, 1), float(value_range))), (1 - mean) * 255)
    assert model.descriptor.value_range == value_range
    assert "mean" not in model.state_dict()


def test_stages_have_blocks_of_their_own() -> None:
    stages = (
        StageSettings(cells=2, slots=(slot("operation", "ccm"),)),
        StageSettings(cells=1, slots=(slot("modulation", "lk_select", kernel=7), slot("operation", "skip"))),
    )
    model = ResidualNetwork(ResidualSettings(width=8, stages=stages))
    kinds = [[type(place.core).__name__ for place in cell.slots] for cell in model.cells]
    assert kinds == [["ConvolutionalMixer"], ["ConvolutionalMixer"], ["StripSelection"]]
    assert model.cells[2].slots[0].core.strip.across.kernel_size == (1, 7)


def test_impossible_scales_and_colours_are_refused() -> None:
    for scale, channels in ((0, 3), (2, 4)):
        with pytest.raises(UsageError, match="1 or 3 colour channels"):
            network(scale, channels)
